import { describe, expect, it } from '@jest/globals';
import { failureLines } from '../../../src/client/failure-records.ts';
import { bodyOf } from '../../../src/stores/body.ts';
import type { ObjectStore } from '../../../src/stores/object-store.ts';
import { createMemoryStore } from '../../support/memory-store.ts';

const control = { store: 'default', bucket: 'merged', prefix: '_tributary/runs/x/' };

async function storeWith(records: Readonly<Record<string, object>>): Promise<ObjectStore> {
  const store = createMemoryStore({ buckets: ['merged'] });
  for (const [name, record] of Object.entries(records)) await store.put({ bucket: 'merged', key: `${control.prefix}${name}`, body: bodyOf(JSON.stringify(record)) });
  return store;
}

const record = (row: number, changes: object = {}): object =>
  ({ row, uri: `s3://logs/${row}`, outcome: 'failed', code: 'TRB-SOURCE-GONE', reason: 'it is gone', bytes: 10, offset: 0, keep: 0, ...changes });

describe('failureLines', () => {
  it('lists the records in the order of the plan, without what only the worker needs', async () => {
    const store = await storeWith({ 'failures/0-0/10-0.json': record(10), 'failures/0-1/9-0.json': record(9), 'chunks/0-0/x.ndjson': {}, 'report.json': {} });
    expect(await failureLines(store, control)).toEqual([9, 10].map((row) =>
      ({ uri: `s3://logs/${row}`, outcome: 'failed', code: 'TRB-SOURCE-GONE', reason: 'it is gone', offset: 0 })));
  });

  it('takes the record that keeps least where a source has several', async () => {
    const partial = (keep: number): object => record(1, { outcome: 'partial', offset: keep, keep });
    const store = await storeWith({ 'failures/0-0/1-200.json': partial(200), 'failures/0-0/1-100.json': partial(100) });
    expect(await failureLines(store, control)).toMatchObject([{ outcome: 'partial', offset: 100 }]);
  });

  it('finds none where nothing failed', async () => {
    expect(await failureLines(await storeWith({}), control)).toEqual([]);
  });
});
