/** Runs that people end, or take back to an earlier point. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { checkCancelled, checkRun, writtenTwice } from '../support/fault-checks.ts';
import { BIG, fillBig, fillMany, MANY, MIB } from '../support/fault-loads.ts';
import { progressOf, reportOf } from '../support/fault-rig.ts';
import { acknowledged } from '../support/request-log.ts';
import { until } from '../support/until.ts';
import { ofChunks, useFaultRig } from './use-fault-rig.ts';

const rig = useFaultRig();
/** The default heartbeat timeout: what people ask for arrives with the answer to a heartbeat. */
const BY_DEFAULT = { TRIBUTARY_WORKER_HEARTBEAT_TIMEOUT: '' };

describe('cancel', () => {
  it.each([
    ['by a signal, in the middle of one large chunk', 'signal', BIG, { bytesPerSecond: 6 * MIB }],
    ['by the server, between many small ones', 'server', MANY, { requestsPerSecond: 30 }],
  ] as const)('%s: ends within 30 s with figures that reconcile and no upload left', async (_, by, options, limits) => {
    const { buckets, proxy, start, startWorker } = rig();
    const prefix = `cancel-${by}/`;
    const sources = by === 'signal' ? await fillBig(buckets, prefix, 23, 10) : await fillMany(buckets, prefix, 24);
    const mark = proxy.log.length;
    const writes = (): number => acknowledged(ofChunks(proxy.log.since(mark), by === 'signal' ? 'UploadPart' : 'PutObject'));
    await startWorker(BY_DEFAULT);
    const run = await start(prefix.slice(0, -1), { source: `s3://logs/${prefix}`, target: `s3://merged/${prefix}`, ...options, limits });
    await until(writes, (count) => count >= 2);
    const askedMs = Date.now();
    await (by === 'signal' ? run.signal('cancel') : run.cancel());
    const report = await reportOf(run);
    expect(Date.now() - askedMs).toBeLessThanOrEqual(30_000);
    expect(await checkCancelled(buckets, { report, sources, options })).toEqual([]);
    expect(report.skipped.reasons['cancelled']).toBeGreaterThan(0);
  });
});

describe('terminate', () => {
  it('stops the worker too, and leaves an open upload that harms no later run', async () => {
    const { buckets, proxy, client, start, startWorker } = rig();
    const sources = await fillBig(buckets, 'terminate/', 26, 6);
    const mark = proxy.log.length;
    await startWorker();
    const input = { source: 's3://logs/terminate/', target: 's3://merged/terminate/', ...BIG };
    const first = await start('terminate', { ...input, limits: { bytesPerSecond: 4 * MIB } });
    await until(() => acknowledged(ofChunks(proxy.log.since(mark), 'UploadPart')), (count) => count >= 2);
    const { run: { stamp } } = await progressOf(first);
    await first.terminate();
    await sleep(10_000);
    const quiet = proxy.log.length;
    expect(proxy.log.all.filter(({ endedMs }) => endedMs === null)).toEqual([]);
    const left = (await buckets.openUploads('merged')).filter((key) => key.startsWith('terminate/'));
    expect(left).toEqual([expect.stringContaining(stamp)]);
    const running: string[] = [];
    for await (const { workflowId } of client.workflow.list({ query: 'ExecutionStatus = "Running"' })) running.push(workflowId);
    expect(running.filter((id) => id.includes('terminate'))).toEqual([]);
    expect(proxy.log.since(quiet)).toEqual([]);

    const report = await reportOf(await start('terminate-again', input));
    expect(report.status).toBe('completed');
    expect(await checkRun(buckets, { report, sources, options: BIG })).toEqual(left.map((key) => `an upload of ${key} is left open`));
  });
});

describe('workflow reset', () => {
  it('to the start of the run: what was written is found again, and nothing is written twice', async () => {
    const { buckets, proxy, client, start, startWorker } = rig();
    const sources = await fillMany(buckets, 'reset/', 27);
    const mark = proxy.log.length;
    await startWorker();
    const run = await start('reset', { source: 's3://logs/reset/', target: 's3://merged/reset/', ...MANY, limits: { requestsPerSecond: 40 } });
    await until(() => acknowledged(ofChunks(proxy.log.since(mark), 'PutObject')), (count) => count >= 15);
    const { run: before } = await progressOf(run);
    const { events } = await run.fetchHistory();
    const firstTask = events?.find(({ workflowTaskCompletedEventAttributes }) => workflowTaskCompletedEventAttributes);
    await client.workflowService.resetWorkflowExecution({
      namespace: 'default', workflowExecution: { workflowId: 'reset' }, reason: 'test', requestId: 'reset-1', workflowTaskFinishEventId: firstTask!.eventId!,
    });
    const report = await reportOf(client.workflow.getHandle('reset'));
    expect(report.run.stamp).toBe(before.stamp);
    expect(report.status).toBe('completed');
    expect(await checkRun(buckets, { report, sources, options: MANY })).toEqual([]);
    expect(writtenTwice(proxy.log.since(mark))).toEqual([]);
  });
});
