/** The failure records below a prefix: those of a batch, or of a whole run. */
import pLimit from 'p-limit';
import { failureRecord, type FailureRecord } from '../contracts/records.ts';
import { listAll } from './list-all.ts';
import type { CallOptions, ObjectRef, ObjectStore } from './object-store.ts';

/** Records that are read at the same time. */
const READS = 16;

/** By plan row, ascending. Of several for one row the smallest `keep` holds. */
export async function readFailures(store: ObjectStore, { bucket, prefix }: { readonly bucket: string; readonly prefix: string }, options: CallOptions = {}): Promise<Map<number, FailureRecord>> {
  const limit = pLimit(READS);
  const keys: string[] = [];
  // Not read while the listing goes on: a read that fails meanwhile would be nobody's.
  for await (const { key } of listAll(store, { bucket, prefix }, options)) keys.push(key);
  const records = await Promise.all(keys.map((key) => limit(() => readFailure(store, { bucket, key }, options))));
  // Ascending by row, and of each row the one that keeps most first: a later one of a row takes its place.
  return new Map(records.sort((a, b) => a.row - b.row || b.keep - a.keep).map((record) => [record.row, record]));
}

/** @throws TRB-NO-SUCH-KEY */
export async function readFailure(store: ObjectStore, ref: ObjectRef, options: CallOptions = {}): Promise<FailureRecord> {
  return failureRecord.parse(JSON.parse((await store.get(ref, options)).toString()));
}
