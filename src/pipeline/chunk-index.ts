/**
 * Reads the chunk index of a run in order. Files may overlap where an attempt was tried again; a row is given out once.
 */
import { TributaryError } from '../contracts/errors.ts';
import { chunkRow, type ChunkRow } from '../contracts/records.ts';
import type { ObjectStore } from '../stores/object-store.ts';
import type { ControlFolder } from './run-records.ts';

/** Yields every row, batch by batch, in the order of groups and chunks within each. @param batch folder of the one whose rows are wanted; default: all. @throws TRB-PLAN-LOST for a row that cannot be read */
export async function* chunkIndex(store: ObjectStore, { bucket, prefix }: ControlFolder, signal: AbortSignal, batch = ''): AsyncGenerator<ChunkRow> {
  const root = `${prefix}chunks/`;
  let folder = '';
  let last: { group: number; chunk: number } = { group: -1, chunk: -1 };
  for (let continuationToken: string | undefined; ;) {
    const page = await store.list({ bucket, prefix: `${root}${batch}`, continuationToken }, { signal });
    for (const { key } of page.objects) {
      const ofBatch = key.slice(root.length, key.lastIndexOf('/'));
      if (ofBatch !== folder) {
        folder = ofBatch;
        last = { group: -1, chunk: -1 };
      }
      for (const row of parse(key, await store.get({ bucket, key }, { signal }))) {
        if (row.group < last.group || (row.group === last.group && row.chunk <= last.chunk)) continue;
        last = row;
        yield row;
      }
    }
    if (page.next === undefined) return;
    continuationToken = page.next;
  }
}

function parse(key: string, bytes: Buffer): ChunkRow[] {
  try {
    return bytes.toString().split('\n').filter((line) => line !== '').map((line) => chunkRow.parse(JSON.parse(line)));
  } catch (cause) {
    throw new TributaryError('TRB-PLAN-LOST', `the chunk index ${key} cannot be read`, { key }, { cause });
  }
}
