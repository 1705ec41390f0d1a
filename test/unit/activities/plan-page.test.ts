import { afterEach, expect, it, jest } from '@jest/globals';
import type { Client } from '@temporalio/client';
import type { Logger } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { createActivities } from '../../../src/activities/index.ts';
import type { PlanPageResult } from '../../../src/contracts/activities.ts';
import { makeStamp } from '../../../src/core/names.ts';
import { Slab } from '../../../src/pipeline/slab.ts';
import { createRegistry } from '../../../src/stores/create-registry.ts';
import { createMemoryStore } from '../../support/memory-store.ts';

const quiet: Logger = { log: () => undefined, trace: () => undefined, debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const temporal = {
  options: { namespace: 'default' }, connection: { operatorService: { listSearchAttributes: async () => ({ customAttributes: {} }) } },
  workflowService: { describeNamespace: async () => ({ namespaceInfo: { id: 'namespace-id' } }) },
} as unknown as Client;
const call = <I, R>(activity: (input: I) => Promise<R>, argument: I, environment = new MockActivityEnvironment()): Promise<R> => environment.run(activity, argument);
const startedMs = Date.UTC(2026, 0, 2, 3, 4, 5);

afterEach(() => { jest.restoreAllMocks(); });

it('a listing of which nothing is selected is planned in calls of five minutes, with checkpoints', async () => {
  const store = createMemoryStore({ buckets: ['bbb', 'ttt'] });
  for (let at = 0; at < 14_500; at += 1) store.seed('bbb', `old/${String(at).padStart(8, '0')}.log`, 'x\n');
  const { control } = createActivities({
    stores: createRegistry({ default: { adapter: 'sdk', createOnce: 'probe' } }, { connect: () => store }),
    slab: new Slab(128 * 2 ** 20), temporal, log: quiet, metrics: { add: () => undefined, set: () => undefined }, identity: 'this', heartbeatTimeoutMs: 30_000,
  });
  const resolved = await call(control.resolveSpec, {
    identity: { id: 'run', stamp: makeStamp(startedMs, '01890000-0000-7000-8000-0000deadbeef'), startedMs }, raw: { source: 's3://bbb/', target: 's3://ttt/', modifiedAfter: '2099-01-01' },
  });
  const run = await call(control.checkAccess, { run: resolved.run, spec: resolved.spec });
  let nowMs = startedMs;
  jest.spyOn(Date, 'now').mockImplementation(() => nowMs);
  // A minute a page of the listing, of a thousand keys.
  let pages = 0;
  store.setFault(({ operation, bucket }) => {
    if (operation === 'list' && bucket === 'bbb') [pages, nowMs] = [pages + 1, nowMs + 60_000];
    return undefined;
  });
  const calls: { pages: number; checkpoints: number; objects: number; done: boolean }[] = [];
  for (let segment: string | null = null; calls.at(-1)?.done !== true && calls.length < 10;) {
    const checkpoints = new Set<string>();
    const environment = new MockActivityEnvironment();
    environment.on('heartbeat', (latest: { readonly segment: string } | null | undefined) => { if (latest) checkpoints.add(latest.segment); });
    pages = 0;
    const page: PlanPageResult = await call(control.planPage, { run, segment, limits: resolved.limits }, environment);
    segment = page.segment;
    calls.push({ pages, checkpoints: checkpoints.size, objects: page.totals.objects, done: page.plan !== null });
  }
  expect(calls).toEqual([
    { pages: 5, checkpoints: 5, objects: 5000, done: false }, { pages: 5, checkpoints: 5, objects: 10_000, done: false }, { pages: 5, checkpoints: 5, objects: 14_500, done: true },
  ]);
});
