import { beforeEach, describe, expect, it } from '@jest/globals';
import type { Client } from '@temporalio/client';
import type { Logger } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { createActivities } from '../../../src/activities/index.ts';
import type { RunRef } from '../../../src/contracts/activities.ts';
import { makeStamp } from '../../../src/core/names.ts';
import { Slab } from '../../../src/pipeline/slab.ts';
import { createRegistry } from '../../../src/stores/create-registry.ts';
import { createMemoryStore, type MemoryStore } from '../../support/memory-store.ts';

const EARLIER_RUNS = 200;
const quiet: Logger = { log: () => undefined, trace: () => undefined, debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const temporal = {
  options: { namespace: 'default' }, connection: { operatorService: { listSearchAttributes: async () => ({ customAttributes: {} }) } },
  workflowService: { describeNamespace: async () => ({ namespaceInfo: { id: 'namespace-id' } }) },
} as unknown as Client;
const startedMs = Date.UTC(2026, 0, 2, 3, 4, 5);
const earlierStamp = (at: number): string => makeStamp(startedMs - (at + 1) * 3_600_000, '01890000-0000-7000-8000-0000cafebabe');
const call = <I, R>(activity: (input: I) => Promise<R>, argument: I): Promise<R> => new MockActivityEnvironment().run(activity, argument);

/** Starts a run on a target that has chunks of many earlier ones, each of a prefix of its own. @returns how many requests that took, and how many at once at most */
async function check(store: MemoryStore, source: string): Promise<{ readonly run: RunRef; readonly requests: number; readonly most: number }> {
  const { control } = createActivities({
    stores: createRegistry({ default: { adapter: 'sdk', createOnce: 'probe' } }, { connect: () => store }),
    slab: new Slab(128 * 2 ** 20), temporal, log: quiet, metrics: { add: () => undefined, set: () => undefined }, identity: 'this', heartbeatTimeoutMs: 30_000,
  });
  const resolved = await call(control.resolveSpec, { identity: { id: 'run', stamp: makeStamp(startedMs, '01890000-0000-7000-8000-0000deadbeef'), startedMs }, raw: { source, target: 's3://merged/' } });
  let [requests, now, most] = [0, 0, 0];
  store.setFault(async () => {
    requests += 1;
    now += 1;
    most = Math.max(most, now);
    await new Promise((resolve) => { setTimeout(resolve, 2); });
    now -= 1;
    return undefined;
  });
  const run = await call(control.checkAccess, { run: resolved.run, spec: resolved.spec });
  return { run, requests, most };
}

describe('the check of a target with many earlier runs', () => {
  let store: MemoryStore;

  beforeEach(() => {
    store = createMemoryStore({ buckets: ['logs', 'merged'] });
    store.seed('logs', 'new/a.log', '1\n');
    store.seed('logs', 'p70/a.log', '1\n');
    for (let at = 0; at < EARLIER_RUNS; at += 1) {
      const folder = `_tributary/runs/${earlierStamp(at)}/`;
      store.seed('merged', `${folder}chunks/000000-0000/x.ndjson`, '');
      store.seed('merged', `${folder}spec.json`, JSON.stringify({ source: { store: 'default', bucket: 'logs', prefix: `p${at}/` } }));
    }
  });

  it('asks about each of them once, and about many at a time', async () => {
    const { requests, most } = await check(store, 's3://logs/new/');
    expect(requests).toBeLessThan(EARLIER_RUNS + 30);
    expect(most).toBeGreaterThanOrEqual(16);
  });

  it('refuses what one of them has merged, and names it', async () => {
    await expect(check(store, 's3://logs/p70/')).rejects.toMatchObject({ type: 'TRB-TARGET-MERGED', message: expect.stringContaining(earlierStamp(70)) });
  });
});
