/** The failure records below a prefix: those of a batch, or of a whole run. */
import pLimit from 'p-limit';
import { failureRecord, type FailureRecord } from '../contracts/records.ts';
import { listAll } from './list-all.ts';
import type { CallOptions, ObjectRef, ObjectStore } from './object-store.ts';

/** Records that are read at the same time. */
const READS = 16;

export interface FailuresFolder { readonly bucket: string; readonly prefix: string }

/** By plan row, ascending. Of several for one row the smallest `keep` holds. */
export async function readFailures(store: ObjectStore, folder: FailuresFolder, options: CallOptions = {}): Promise<Map<number, FailureRecord>> {
  return new Map((await readEveryFailure(store, folder, options)).map(({ record }) => [record.row, record]));
}

/** Each with its key: ascending by plan row, and of one row the one that keeps most first. */
export async function readEveryFailure(store: ObjectStore, { bucket, prefix }: FailuresFolder, options: CallOptions = {}): Promise<{ readonly key: string; readonly record: FailureRecord }[]> {
  const limit = pLimit(READS);
  const keys: string[] = [];
  // Not read while the listing goes on: a read that fails meanwhile would be nobody's.
  for await (const { key } of listAll(store, { bucket, prefix }, options)) keys.push(key);
  const records = await Promise.all(keys.map((key) => limit(async () => ({ key, record: await readFailure(store, { bucket, key }, options) }))));
  return records.sort(({ record: a }, { record: b }) => a.row - b.row || b.keep - a.keep);
}

/** @throws TRB-NO-SUCH-KEY */
export async function readFailure(store: ObjectStore, ref: ObjectRef, options: CallOptions = {}): Promise<FailureRecord> {
  return failureRecord.parse(JSON.parse((await store.get(ref, options)).toString()));
}
