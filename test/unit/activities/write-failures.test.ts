import { describe, expect, it } from '@jest/globals';
import { writeFailures } from '../../../src/activities/write-failures.ts';
import type { RunRef } from '../../../src/contracts/activities.ts';
import type { FailureRecord } from '../../../src/contracts/records.ts';
import { createMemoryStore } from '../../support/memory-store.ts';

const run = { control: { store: 'default', bucket: 'b', prefix: 'merged/_tributary/runs/s/' } } as RunRef;
const signal = new AbortController().signal;

const recordOf = (row: number, more: Partial<FailureRecord> = {}): FailureRecord =>
  ({ row, uri: `s3://logs/${row}.log`, outcome: 'failed', code: 'TRB-SOURCE-GONE', reason: 'it is gone', bytes: 10, offset: 0, keep: 0, ...more });

function storeWith(records: readonly FailureRecord[]): ReturnType<typeof createMemoryStore> {
  const store = createMemoryStore({ buckets: ['b'] });
  for (const record of records) store.seed('b', `${run.control.prefix}failures/000000-0000/${String(record.row).padStart(12, '0')}-${record.keep}.json`, JSON.stringify(record));
  return store;
}

const linesOf = (store: ReturnType<typeof createMemoryStore>): unknown[] =>
  store.peek('b', `${run.control.prefix}failures.ndjson`)!.toString().split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as unknown);

describe('failures.ndjson', () => {
  it('has every failure of the run once, however many pages of records there are', async () => {
    const store = storeWith(Array.from({ length: 2500 }, (_, row) => recordOf(row)));
    expect(await writeFailures(store, run, signal)).toEqual({ 'TRB-SOURCE-GONE': { uri: 's3://logs/0.log', reason: 'it is gone', offset: 0, outcome: 'failed' } });
    expect(linesOf(store)).toEqual(Array.from({ length: 2500 }, (_, row) => ({ uri: `s3://logs/${row}.log`, code: 'TRB-SOURCE-GONE', reason: 'it is gone', offset: 0, outcome: 'failed' })));
  });

  it('says of a source with several records what the one says that keeps least', async () => {
    const partial = { outcome: 'partial', code: 'TRB-SOURCE-CORRUPT' } as const;
    // In the order of names: 1000, 20, 300.
    const store = storeWith([recordOf(6), ...[1000, 20, 300].map((keep) => recordOf(7, { ...partial, keep, offset: keep })), recordOf(8)]);
    await writeFailures(store, run, signal);
    expect(linesOf(store)).toMatchObject([{ uri: 's3://logs/6.log' }, { uri: 's3://logs/7.log', offset: 20, outcome: 'partial' }, { uri: 's3://logs/8.log' }]);
  });
});
