/** `failures.ndjson`: every failed or partial source of a run in one artefact, however many there are. */
import type { RunRef } from '../contracts/activities.ts';
import type { FailureRecord } from '../contracts/records.ts';
import type { ReportFacts } from '../core/report.ts';
import { readFailure } from '../stores/failure-records.ts';
import { listAll } from '../stores/list-all.ts';
import type { ObjectStore } from '../stores/object-store.ts';

/** Records that are read at the same time. */
const READS = 16;

/**
 * Gathers the records of the run into one object under its control prefix: a line a source, as `tributary failures -o jsonl` prints it, in
 * the order of the batches. Idempotent. Holds one page of the listing.
 * @returns the first failure of each code
 */
export async function writeFailures(store: ObjectStore, { control: { bucket, prefix } }: RunRef, signal: AbortSignal): Promise<ReportFacts['examples']> {
  const examples: Record<string, Record<string, unknown>> = {};
  await store.putStream({
    bucket, key: `${prefix}failures.ndjson`,
    content: async function* () {
      for await (const { uri, code, reason, offset, outcome } of failuresOf(store, bucket, prefix, signal)) {
        examples[code] ??= { uri, reason, offset, outcome };
        yield Buffer.from(`${JSON.stringify({ uri, code, reason, offset, outcome })}\n`);
      }
    },
  }, { signal });
  return examples;
}

/** Records of one source follow each other in the listing; of several the smallest `keep` holds. */
async function* failuresOf(store: ObjectStore, bucket: string, prefix: string, signal: AbortSignal): AsyncGenerator<FailureRecord> {
  let last: FailureRecord | null = null;
  for await (const record of recordsOf(store, bucket, prefix, signal)) {
    if (last?.row !== record.row) {
      if (last) yield last;
      last = record;
    } else if (record.keep < last.keep) last = record;
  }
  if (last) yield last;
}

/** In the order of their keys. */
async function* recordsOf(store: ObjectStore, bucket: string, prefix: string, signal: AbortSignal): AsyncGenerator<FailureRecord> {
  const read = (keys: readonly string[]): Promise<FailureRecord[]> => Promise.all(keys.map((key) => readFailure(store, { bucket, key }, { signal })));
  const keys: string[] = [];
  for await (const { key } of listAll(store, { bucket, prefix: `${prefix}failures/` }, { signal })) {
    if (keys.push(key) === READS) yield* await read(keys.splice(0));
  }
  yield* await read(keys);
}
