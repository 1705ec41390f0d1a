import { describe, expect, it } from '@jest/globals';
import pLimit from 'p-limit';
import type { ListedObject, ListRequest, ObjectStore } from '../../../src/stores/object-store.ts';
import { bodyOf, errorOf, newBucket, readAll, type Harness } from './harness.ts';

export async function listAll(store: ObjectStore, request: ListRequest): Promise<{ objects: readonly ListedObject[]; pages: number }> {
  const objects: ListedObject[] = [];
  let pages = 0;
  let continuationToken: string | undefined;
  do {
    const page = await store.list({ ...request, continuationToken });
    objects.push(...page.objects);
    pages += 1;
    continuationToken = page.next;
  } while (continuationToken !== undefined);
  return { objects, pages };
}

const keysOf = (objects: readonly ListedObject[]): readonly string[] => objects.map(({ key }) => key);
const inUtf8Order = (keys: readonly string[]): readonly string[] => [...keys].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));

/** Keys that some client or server has been seen to mangle. */
const ODD_KEYS = [
  'a%2Fb', 'a%2fb', 'a b+ü.log', 'dt=2026-01-01/x.log', 'plus+plus', 'per%cent', 'amp&amp;', 'lt<gt>', '"quoted"', "it's", 'star*', '(round)', '~tilde', '!bang',
  '#hash', 'question?mark', 'semi;colon', 'comma,', 'at@', 'dollar$', 'back\\slash', 'brackets[1]{2}', 'pipe|', 'caret^', 'back`tick', 'tab\tkey', 'new\nline',
  'del\u007f', ' leading', 'trailing ', 'é', 'e\u0301', '日本語/キー', '\uE000', '\u{1F600}', '\uFFFD', 'ZZ/..dots', 'x.', 'a-b/1', 'a/1', 'aé/1', 'a.b',
];
/** That some servers cannot keep apart, or not write into XML. */
const ODDER_KEYS = ['ctrl\u0001', 'x//y', '/lead', 'end//z/', 'n', 'n/m'];

export function describeListing(harness: () => Harness): void {
  describe('listing', () => {
    it('returns odd keys byte for byte and in UTF-8 order, and reads what was written to each', async () => {
      const { store, traits } = harness();
      const bucket = await newBucket(store);
      const keys = [...ODD_KEYS, ...(traits.keepsEveryKey ? ODDER_KEYS : [])];
      for (const key of keys) await store.put({ bucket, key, body: bodyOf(`bytes of ${key}`) });
      expect(keysOf((await listAll(store, { bucket, prefix: '' })).objects)).toEqual(inUtf8Order(keys));
      expect(keysOf((await listAll(store, { bucket, prefix: '', maxKeys: 7 })).objects)).toEqual(inUtf8Order(keys));
      for (const key of keys) expect((await readAll(store, bucket, key)).toString()).toBe(`bytes of ${key}`);
    });

    it('lists size, ETag with quotes and time of each object', async () => {
      const { store } = harness();
      const bucket = await newBucket(store);
      const { etag } = await store.put({ bucket, key: 'a', body: bodyOf('12345') });
      const [listed] = (await store.list({ bucket, prefix: '' })).objects;
      expect(listed).toMatchObject({ key: 'a', sizeBytes: 5, etag });
      expect(etag).toMatch(/^".+"$/);
      expect(listed?.modifiedMs).toBe((await store.head({ bucket, key: 'a' }))?.modifiedMs);
    });

    it.each([[1000, 1], [1001, 2]])('lists %i keys in %i pages', async (count, expectedPages) => {
      const { store } = harness();
      const bucket = await newBucket(store);
      const limit = pLimit(16);
      const keys = Array.from({ length: count }, (_, n) => `d${n % 10}/${String(n).padStart(5, '0')}`);
      await Promise.all(keys.map((key) => limit(() => store.put({ bucket, key, body: bodyOf('') }))));
      const { objects, pages } = await listAll(store, { bucket, prefix: '' });
      expect(keysOf(objects)).toEqual(inUtf8Order(keys));
      expect(pages).toBe(expectedPages);
    });

    it('lists a prefix only, after a key only, and folded at a delimiter', async () => {
      const { store } = harness();
      const bucket = await newBucket(store);
      for (const key of ['logs/a/1', 'logs/a/2', 'logs/b c/1', 'logs/z', 'logs-old/1', 'other']) await store.put({ bucket, key, body: bodyOf('x') });
      expect(keysOf((await store.list({ bucket, prefix: 'logs/' })).objects)).toEqual(['logs/a/1', 'logs/a/2', 'logs/b c/1', 'logs/z']);
      expect(keysOf((await store.list({ bucket, prefix: 'logs/', startAfter: 'logs/a/2' })).objects)).toEqual(['logs/b c/1', 'logs/z']);
      const folded = await store.list({ bucket, prefix: 'logs/', delimiter: '/' });
      expect(keysOf(folded.objects)).toEqual(['logs/z']);
      expect(folded.prefixes).toEqual(['logs/a/', 'logs/b c/']);
      expect(await store.list({ bucket, prefix: 'nothing/' })).toEqual({ objects: [], prefixes: [] });
    });

    it('goes on after the last key of a page whatever that key looks like', async () => {
      const { store } = harness();
      const bucket = await newBucket(store);
      const keys = ['a b+ü.log', 'a%2Fb', '日本語', '\u{1F600}'];
      for (const key of keys) await store.put({ bucket, key, body: bodyOf('x') });
      const ordered = inUtf8Order(keys);
      for (const [at, key] of ordered.entries()) {
        expect(keysOf((await store.list({ bucket, prefix: '', startAfter: key })).objects)).toEqual(ordered.slice(at + 1));
      }
    });

    it('says that a bucket does not exist', async () => {
      const error = await errorOf(harness().store.list({ bucket: 'no-such-bucket', prefix: 'p/' }));
      expect(error.code).toBe('TRB-NO-SUCH-BUCKET');
      expect(error.message).toContain('no-such-bucket');
      expect(error.retryable).toBe(false);
    });
  });
}
