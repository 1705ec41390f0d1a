import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from '@jest/globals';
import { TributaryError } from '../../../src/contracts/errors.ts';
import { readFailures } from '../../../src/stores/failure-records.ts';
import type { ObjectStore } from '../../../src/stores/object-store.ts';
import { createMemoryStore } from '../../support/memory-store.ts';

it('a record that cannot be read fails the call, also while the listing goes on', async () => {
  const memory = createMemoryStore({ buckets: ['b'] });
  for (let row = 0; row < 1001; row += 1) memory.seed('b', `failures/${String(row).padStart(12, '0')}-0.json`, '{}');
  const store: ObjectStore = {
    ...memory,
    get: () => Promise.reject(new TributaryError('TRB-ACCESS-DENIED', 'denied')),
    list: async (request, options) => {
      if (request.continuationToken !== undefined) await sleep(20);
      return memory.list(request, options);
    },
  };
  const unhandled: unknown[] = [];
  const onUnhandled = (reason: unknown): void => { unhandled.push(reason); };
  process.on('unhandledRejection', onUnhandled);
  await expect(readFailures(store, { bucket: 'b', prefix: 'failures/' })).rejects.toMatchObject({ code: 'TRB-ACCESS-DENIED' });
  process.off('unhandledRejection', onUnhandled);
  expect(unhandled).toEqual([]);
});
