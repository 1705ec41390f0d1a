/** Removes what `findLeftovers` found. Whatever was removed already is no error: a sweep that broke off is said again. */
import pLimit from 'p-limit';
import type { SweptRecord } from '../../contracts/records.ts';
import type { ObjectStore } from '../../stores/object-store.ts';
import type { Leftovers } from './find.ts';

const AT_ONCE = 16;

export async function removeLeftovers(store: ObjectStore, bucket: string, { uploads, control }: Leftovers): Promise<void> {
  const { bodyOf } = await import('../../stores/body.ts');
  const limit = pLimit(AT_ONCE);
  await Promise.all(uploads.map(({ upload: { key, uploadId } }) => limit(() => store.abortUpload({ bucket, key, uploadId }))));
  for (const { prefix, objects, needsNote, encryption, hasChunks } of control) {
    // First, so that what is left is never taken for the whole.
    const note: SweptRecord = { schema: 'tributary.swept/1', swept: new Date().toISOString(), chunks: hasChunks };
    if (needsNote) await store.put({ bucket, key: `${prefix}swept.json`, body: bodyOf(`${JSON.stringify(note)}\n`), output: { encryption } });
    // Whose it is, and that nothing but a plan is in it, is removed last.
    const [last, first] = [objects.filter(({ key }) => isNamed(key)), objects.filter(({ key }) => !isNamed(key))];
    for (const some of [first, last]) await Promise.all(some.map(({ key }) => limit(() => store.delete({ bucket, key }))));
  }
}

const isNamed = (key: string): boolean => /\/(?:run|spec)\.json$/.test(key);
