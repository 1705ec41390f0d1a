/** The failure records of a run, from its control data. */
import pLimit from 'p-limit';
import type { Location } from '../contracts/location.ts';
import { failureRecord, type FailureRecord } from '../contracts/records.ts';
import type { ObjectStore } from '../stores/object-store.ts';
import type { FailureLine } from './lines.ts';
import { listAll } from './stores.ts';

const READS_AT_ONCE = 16;

/** In the order of the plan. @param control of the run */
export async function readFailures(store: ObjectStore, { bucket, prefix }: Location): Promise<FailureLine[]> {
  const atOnce = pLimit(READS_AT_ONCE);
  const reads: Promise<FailureRecord>[] = [];
  for await (const key of listAll(store, bucket, `${prefix}failures/`)) {
    reads.push(atOnce(async () => failureRecord.parse(JSON.parse((await store.get({ bucket, key })).toString('utf8')))));
  }
  return smallestKeep(await Promise.all(reads)).map(({ uri, code, reason, offset, outcome }) => ({ uri, code, reason, offset, outcome }));
}

/** Where a source has several records, the one that keeps least holds. */
function smallestKeep(records: readonly FailureRecord[]): FailureRecord[] {
  const byRow = new Map<number, FailureRecord>();
  for (const record of records) {
    const other = byRow.get(record.row);
    if (!other || record.keep < other.keep) byRow.set(record.row, record);
  }
  return [...byRow.values()].sort((a, b) => a.row - b.row);
}
