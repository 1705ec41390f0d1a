import { describe, expect, it } from '@jest/globals';
import { retriesOf } from '../../../src/activities/retries.ts';
import { bodyOf } from '../../../src/stores/body.ts';
import { createMemoryStore } from '../../support/memory-store.ts';

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
