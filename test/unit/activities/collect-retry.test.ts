/** A record that a call writes late, which was thought dead: of a source that another call has merged. */
import { describe, expect, it } from '@jest/globals';
import type { Client } from '@temporalio/client';
import type { Logger } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { collectRetry } from '../../../src/activities/collect-retry.ts';
import { createActivities } from '../../../src/activities/index.ts';
import type { ResolvedRun, RunRef } from '../../../src/contracts/activities.ts';
import { MEMO } from '../../../src/contracts/names.ts';
import type { FailureRecord } from '../../../src/contracts/records.ts';
import { makeStamp } from '../../../src/core/names.ts';
import { Slab } from '../../../src/pipeline/slab.ts';
import { createRegistry } from '../../../src/stores/create-registry.ts';
import { createMemoryStore, type MemoryStore } from '../../support/memory-store.ts';

const quiet: Logger = { log: () => undefined, trace: () => undefined, debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const startedMs = Date.UTC(2026, 0, 2, 3, 4, 5);
const stamp = makeStamp(startedMs, '01890000-0000-7000-8000-0000deadbeef');
const call = <I, R>(activity: (input: I) => Promise<R>, argument: I): Promise<R> => new MockActivityEnvironment({ attempt: 1 }).run(activity, argument);

function activitiesOf(store: MemoryStore, ended: { run: RunRef | null }): ReturnType<typeof createActivities> {
  const temporal = {
    options: { namespace: 'default' }, connection: { operatorService: { listSearchAttributes: async () => ({ customAttributes: {} }) } },
    workflowService: { describeNamespace: async () => ({ namespaceInfo: { id: 'namespace-id' } }) },
    workflow: { getHandle: () => ({ describe: async () => ({ raw: {}, status: { name: 'COMPLETED' }, memo: { [MEMO.run]: ended.run } }) }) },
  } as unknown as Client;
  return createActivities({
    stores: createRegistry({ default: { adapter: 'sdk', createOnce: 'probe' } }, { connect: () => store }),
    slab: new Slab(128 * 2 ** 20), temporal, log: quiet, metrics: { add: () => undefined, set: () => undefined }, identity: 'this', heartbeatTimeoutMs: 30_000,
  });
}

/** A run that has merged what there was of its sources, but for `denied`, and the record of another one that comes when it has ended. */
async function endedRun(sources: readonly string[], { denied, late }: { denied: readonly string[]; late: string }): Promise<{ store: MemoryStore; resolved: ResolvedRun; run: RunRef; activities: ReturnType<typeof createActivities> }> {
  const store = createMemoryStore({ buckets: ['logs', 'merged'] });
  for (const key of sources) store.seed('logs', key, `${key}\n`);
  const ended: { run: RunRef | null } = { run: null };
  const activities = activitiesOf(store, ended);
  const { control, data } = activities;
  const resolved = await call(control.resolveSpec, { identity: { id: 'run', stamp, startedMs }, raw: { source: 's3://logs/', target: 's3://merged/' } });
  const run = await call(control.checkAccess, { run: resolved.run, spec: resolved.spec });
  ended.run = run;
  const { plan } = await call(control.planPage, { run, segment: null, limits: resolved.limits });
  store.setFault(({ operation, key = '' }) => (operation === 'readInto' && denied.includes(key) ? Object.assign(new Error('denied'), { name: 'AccessDenied', Code: 'AccessDenied', $metadata: { httpStatusCode: 403 } }) : undefined));
  const { cursor: { tally } } = await call(data.mergeChunks, {
    run, planHash: plan!.planHash, page: 0, batch: 0, cursor: null, limits: resolved.limits, onError: 'continue', recovering: false, untilGroup: null, maySplit: false,
  });
  await call(control.writeReport, {
    run, source: resolved.source, target: resolved.target, label: null, planHash: plan!.planHash, status: 'completed', planned: plan!.totals, tally, verify: { mode: 'size', differences: 0 }, failure: null,
  });
  const record: FailureRecord = { row: sources.indexOf(late), uri: `s3://logs/${late}`, outcome: 'failed', code: 'TRB-SOURCE-DENIED', reason: 'denied', bytes: 6, offset: 0, keep: 0, etag: '"then"' };
  store.seed('merged', `${run.control.prefix}failures/000000-0000/${String(record.row).padStart(12, '0')}-0.json`, JSON.stringify(record));
  return { store, resolved, run, activities };
}

async function keysToRetry({ store, resolved, run }: Awaited<ReturnType<typeof endedRun>>): Promise<string[]> {
  const { rows } = await collectRetry({ source: store, target: store, spec: resolved.spec, run: { ...run, stamp: 'other', retryStamp: stamp }, after: '', maxRows: 10, signal: new AbortController().signal });
  return rows.map(([key]) => key);
}

describe('the late record of a source that was merged', () => {
  it('is not obeyed by a retry, which merges what failed', async () => {
    expect(await keysToRetry(await endedRun(['a.log', 'b.log', 'c.log', 'd.log'], { denied: ['b.log'], late: 'c.log' }))).toEqual(['b.log']);
    expect(await keysToRetry(await endedRun(['a.log', 'b.log', 'c.log'], { denied: ['a.log'], late: 'c.log' }))).toEqual(['a.log']);
  });

  it('leaves nothing to retry where nothing failed', async () => {
    const { activities } = await endedRun(['a.log', 'b.log'], { denied: [], late: 'b.log' });
    await expect(call(activities.control.resolveSpec, { identity: { id: 'again', stamp, startedMs }, raw: { retryOf: 'run' } })).rejects.toMatchObject({ type: 'TRB-NOTHING-TO-RETRY' });
  });

  it('is no difference to verify', async () => {
    const { activities, store } = await endedRun(['a.log', 'b.log', 'c.log', 'd.log'], { denied: ['b.log'], late: 'c.log' });
    store.setFault(() => undefined);
    const { differences } = await call(activities.control.verifyAll, { run: 'run', mode: 'size', sources: true });
    expect(differences.map(({ uri }) => uri)).toEqual(['s3://logs/b.log']);
  });

  it('has the retry refused where the chunk index that contradicts it was swept', async () => {
    const ended = await endedRun(['a.log', 'b.log', 'c.log', 'd.log'], { denied: ['b.log'], late: 'c.log' });
    const prefix = `${ended.run.control.prefix}chunks/`;
    for (const key of ended.store.keys('merged').filter((one) => one.startsWith(prefix))) await ended.store.delete({ bucket: 'merged', key });
    await expect(keysToRetry(ended)).rejects.toMatchObject({ code: 'TRB-RUN-SWEPT' });
  });
});
