import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { EXIT } from '../../contracts/errors.ts';
import { formatS3Uri, type Location } from '../../contracts/location.ts';
import { planGenerated, renderGenerated, type GeneratedItem } from '../../core/generate.ts';
import type { ObjectStore } from '../../stores/object-store.ts';
import type { Context } from '../context.ts';
import { placeOf } from '../place.ts';
import { bytes, count, several } from '../render/numbers.ts';
import { ensureBucket, withStores } from '../stores.ts';
import { findWhere, storesOf } from '../where.ts';

interface GenerateFlags {
  readonly objects: number;
  readonly lines: number;
  readonly seed: number;
  readonly store: string;
}

const WRITES_AT_ONCE = 24;
const NEWS_EACH = 5_000;
const compress = promisify(gzip);

/** `tributary generate DST`. Objects that are there already are written again, equal. @returns the exit code */
export async function generate(context: Context, target: string, flags: GenerateFlags): Promise<number> {
  const { output } = context;
  const place = placeOf(target, flags.store);
  const config = context.config();
  const stores = storesOf(config, await findWhere(config));
  const made = await withStores(stores, async (open) => {
    const store = open(place.store);
    if (await ensureBucket(store, place.bucket)) output.say(`created the bucket ${place.bucket}`);
    return fill(store, place, flags, (objects) => { output.say(`${count(objects)} of ${several(flags.objects, 'object')}`); });
  });
  const answer = { schema: 'tributary.generate/1', target: formatS3Uri(place), seed: flags.seed, ...made };
  output.answer(answer, () => `wrote ${several(made.objects, 'object')}, ${several(made.lines, 'line')}, ${bytes(made.bytes)} under ${answer.target}`);
  return EXIT.ok;
}

interface Made { readonly objects: number; readonly lines: number; readonly bytes: number }

async function fill(store: ObjectStore, { bucket, prefix }: Location, flags: GenerateFlags, tell: (objects: number) => void): Promise<Made> {
  const made = { objects: 0, lines: 0, bytes: 0 };
  const items = planGenerated(flags);
  // Each writer takes the next object when it has written one, so that no more than these are in memory.
  await Promise.all(Array.from({ length: WRITES_AT_ONCE }, async () => {
    for (const item of items) {
      const writtenBytes = await write(store, bucket, prefix, item);
      made.bytes += writtenBytes;
      made.lines += item.lines;
      made.objects += 1;
      if (made.objects % NEWS_EACH === 0) tell(made.objects);
    }
  }));
  return made;
}

async function write(store: ObjectStore, bucket: string, prefix: string, item: GeneratedItem): Promise<number> {
  const { bodyOf } = await import('../../stores/body.ts');
  const plain = renderGenerated(item);
  const body = bodyOf(item.gzip ? await compress(plain) : plain);
  await store.put({ bucket, key: `${prefix}${item.key}`, body });
  return body.sizeBytes;
}
