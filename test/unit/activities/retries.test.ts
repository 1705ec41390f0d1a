import { describe, expect, it } from '@jest/globals';
import { retriesOf, retryChain } from '../../../src/activities/retries.ts';
import { bodyOf } from '../../../src/stores/body.ts';
import type { RunRef } from '../../../src/contracts/activities.ts';
import { createMemoryStore } from '../../support/memory-store.ts';
import { aReport } from '../client/support.ts';

const target = { store: 'default', bucket: 'merged', prefix: 'app/' };
const OF = '20260102T030405Z-89abcdef';

describe('retriesOf', () => {
  it('finds every retry of a run: also one of the same second, whose stamp may come before that of the run', async () => {
    const store = createMemoryStore({ buckets: ['merged'] });
    const specs: [stamp: string, retryOf: string | null][] = [
      [OF, null], ['20260102T030405Z-00000001', OF], ['20260102T030405Z-fffffff0', OF], ['20260103T000000Z-00000002', OF],
      ['20260103T000000Z-00000003', '20260102T030405Z-00000001'], ['20260103T000000Z-00000004', null],
    ];
    for (const [stamp, retryOf] of specs) {
      const spec = retryOf === null ? {} : { retryOf: { run: 'w', stamp: retryOf } };
      await store.put({ bucket: 'merged', key: `app/_tributary/runs/${stamp}/spec.json`, body: bodyOf(JSON.stringify(spec)) });
    }
    const found = await retriesOf(store, target, OF, new AbortController().signal);
    expect(found.map(({ stamp, report }) => [stamp, report])).toEqual([['20260102T030405Z-00000001', null], ['20260102T030405Z-fffffff0', null], ['20260103T000000Z-00000002', null]]);
  });
});

describe('retryChain', () => {
  it('follows the retries of retries, and asks about each run once, and about many at a time', async () => {
    const stampOf = (at: number): string => `2026010${1 + Math.floor(at / 10)}T03000${at % 10}Z-0000000${at % 10}`;
    const store = createMemoryStore({ buckets: ['merged'] });
    for (let at = 0; at < 60; at += 1) {
      const folder = `app/_tributary/runs/${stampOf(at)}/`;
      store.seed('merged', `${folder}spec.json`, JSON.stringify(at % 20 === 0 && at > 0 ? { retryOf: { run: 'w', stamp: stampOf(at - 20) } } : {}));
      store.seed('merged', `${folder}report.json`, JSON.stringify(aReport()));
    }
    let [gets, now, most] = [0, 0, 0];
    store.setFault(async ({ operation }) => {
      if (operation !== 'get') return undefined;
      [gets, now] = [gets + 1, now + 1];
      most = Math.max(most, now);
      await new Promise(setImmediate);
      now -= 1;
      return undefined;
    });
    const run: RunRef = { id: 'run', stamp: stampOf(0), startedMs: 0, control: { store: 'default', bucket: 'merged', prefix: `app/_tributary/runs/${stampOf(0)}/` }, specHash: '', planStamp: stampOf(0), createOnce: true };
    const chain = await retryChain(store, run, target, new AbortController().signal);
    expect(chain.map(({ stamp }) => stamp)).toEqual([stampOf(20), stampOf(40)]);
    expect(gets).toBe(60 + 2);
    expect(most).toBeGreaterThanOrEqual(16);
  });
});
