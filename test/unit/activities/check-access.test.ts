import type { Client } from '@temporalio/client';
import { MockActivityEnvironment } from '@temporalio/testing';
import { describe, expect, it } from '@jest/globals';
import { createCheckAccess } from '../../../src/activities/check-access.ts';
import type { ActivityDeps } from '../../../src/activities/deps.ts';
import type { RunShares } from '../../../src/activities/run-shares.ts';
import { storeConfig, type StoreConfig } from '../../../src/contracts/config.ts';
import type { RunRef } from '../../../src/contracts/activities.ts';
import type { MergeSpec } from '../../../src/contracts/merge.ts';
import { createRegistry } from '../../../src/stores/create-registry.ts';
import { Allowance } from '../../../src/stores/allowance.ts';
import { createManualClock } from '../../support/manual-clock.ts';
import { createMemoryStore } from '../../support/memory-store.ts';

const STAMP = '20260102T030405Z-00000001';

/** What `checkAccess` finds of a store that ignores preconditions, and how often it has tried them. */
async function check(createOnce: StoreConfig['createOnce'], changes: Partial<MergeSpec> = {}): Promise<{ readonly createOnce: boolean; readonly probes: number }> {
  const store = createMemoryStore({ buckets: ['logs', 'merged'], createOnce: false });
  store.seed('logs', 'a.log', '1\n');
  const clock = createManualClock();
  const stores = createRegistry({ default: { ...storeConfig.parse({}), createOnce } }, { connect: () => store, clock });
  const temporal = { options: { namespace: 'default' }, workflowService: { describeNamespace: async () => ({ namespaceInfo: { id: 'id' } }) } } as unknown as Client;
  const checkAccess = createCheckAccess({ stores, temporal } as ActivityDeps, { begin: () => undefined, allowanceOf: () => new Allowance(clock) } as unknown as RunShares);
  const spec = { source: { store: 'default', bucket: 'logs', prefix: '' }, target: { store: 'default', bucket: 'merged', prefix: 'out/' }, limits: {}, dryRun: false, again: false, ...changes } as MergeSpec;
  const control = { store: 'default', bucket: 'merged', prefix: `out/_tributary/runs/${STAMP}/` };
  const run: RunRef = { id: 'run', stamp: STAMP, startedMs: 1, control, specHash: 'hash', planStamp: STAMP, createOnce: false };
  const { createOnce: found }: RunRef = await new MockActivityEnvironment({ attempt: 1 }).run(async () => checkAccess({ run, spec }));
  return { createOnce: found, probes: store.log.filter(({ key }) => key?.includes('probe-')).length };
}

describe('checkAccess', () => {
  it('tries whether the target creates once, where its configuration does not say it', async () => {
    expect(await check('probe')).toEqual({ createOnce: false, probes: 3 });
    expect(await check('yes')).toEqual({ createOnce: true, probes: 0 });
    expect(await check('no')).toEqual({ createOnce: false, probes: 0 });
    expect(await check('yes', { dryRun: true })).toEqual({ createOnce: false, probes: 0 });
  });
});
