/** Temporal or the store is away for a while. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { checkRun, writtenTwice } from '../support/fault-checks.ts';
import { BIG, fillBig, fillMany, MANY, MIB } from '../support/fault-loads.ts';
import { progressOf, reportOf } from '../support/fault-rig.ts';
import { acknowledged } from '../support/request-log.ts';
import { until } from '../support/until.ts';
import { ofChunks, useFaultRig } from './use-fault-rig.ts';

const rig = useFaultRig();

describe('kill -9 of both servers in the middle, each started again on its data', () => {
  it.each([
    ['one large chunk', 'big', BIG, { bytesPerSecond: 8 * MIB }, 'UploadPart', 2],
    ['many small chunks', 'many', MANY, { requestsPerSecond: 40 }, 'PutObject', 15],
  ] as const)('%s: the run ends right by itself', async (_, name, options, limits, operation, count) => {
    const { buckets, proxy, s3, temporal, start, startWorker } = rig();
    const prefix = `servers-${name}/`;
    const sources = name === 'big' ? await fillBig(buckets, prefix, 31, 12) : await fillMany(buckets, prefix, 32);
    const mark = proxy.log.length;
    const more = async (): Promise<void> => {
      const before = acknowledged(ofChunks(proxy.log.since(mark), operation));
      await until(() => acknowledged(ofChunks(proxy.log.since(mark), operation)), (writes) => writes >= before + count);
    };
    await startWorker();
    const run = await start(`servers-${name}`, { source: `s3://logs/${prefix}`, target: `s3://merged/${prefix}`, ...options, limits });
    await more();
    await s3.kill();
    await sleep(3000);
    await s3.start();
    await more();
    await temporal.kill();
    await sleep(7000);
    await temporal.start();
    const report = await reportOf(run);
    expect(await checkRun(buckets, { report, sources, options })).toEqual([]);
    expect(report.status).toBe('completed');
    expect(writtenTwice(proxy.log.since(mark))).toEqual([]);
  });
});

describe('a connection to Temporal that goes silent for longer than the heartbeat timeout', () => {
  it('costs attempts, and nothing else', async () => {
    const { buckets, proxy, temporalProxy, start, startWorker } = rig();
    const sources = await fillMany(buckets, 'silent/', 33);
    const mark = proxy.log.length;
    await startWorker();
    const run = await start('silent', { source: 's3://logs/silent/', target: 's3://merged/silent/', ...MANY, limits: { requestsPerSecond: 40 } });
    await until(() => acknowledged(ofChunks(proxy.log.since(mark), 'PutObject')), (count) => count >= 15);
    temporalProxy.freeze(true);
    await sleep(8000);
    temporalProxy.freeze(false);
    const report = await reportOf(run);
    expect(await checkRun(buckets, { report, sources, options: MANY })).toEqual([]);
    expect(writtenTwice(proxy.log.since(mark))).toEqual([]);
  });
});

describe('while the store is away', () => {
  it('a run can be paused, its worker be stopped and another be started; it waits as long as it takes', async () => {
    const { buckets, proxy, start, startWorker } = rig();
    const sources = await fillMany(buckets, 'away/', 34);
    const mark = proxy.log.length;
    const first = await startWorker();
    const run = await start('away', { source: 's3://logs/away/', target: 's3://merged/away/', ...MANY, limits: { requestsPerSecond: 40 } });
    await until(() => acknowledged(ofChunks(proxy.log.since(mark), 'PutObject')), (count) => count >= 10);
    proxy.refuse(true);
    await sleep(1000);
    await run.signal('pause');
    const askedMs = Date.now();
    await until(() => progressOf(run), ({ state }) => state === 'paused');
    expect(Date.now() - askedMs).toBeLessThanOrEqual(10_000);
    expect((await first.stop(20_000)).code).toBe(0);

    // The second knows nothing of the run: it waits for the store before it can begin.
    const second = await startWorker();
    await run.signal('resume');
    await until(async () => (await pendingCalls('away')).includes('mergeChunks'), (begun) => begun);
    const stopped = await second.stop(20_000);
    expect(stopped.code).toBe(0);
    expect(stopped.stderr).not.toMatch(/abandoned|did not end|failed/i);

    await startWorker();
    proxy.refuse(false);
    const report = await reportOf(run);
    expect(await checkRun(buckets, { report, sources, options: MANY })).toEqual([]);
    expect(writtenTwice(proxy.log.since(mark))).toEqual([]);
  });
});

/** Calls that a worker has begun, of all batches of a run. */
async function pendingCalls(id: string): Promise<string[]> {
  const { client } = rig();
  const begun: string[] = [];
  for await (const { workflowId } of client.workflow.list({ query: `ExecutionStatus = "Running" AND WorkflowId STARTS_WITH "${id}"` })) {
    const { raw } = await client.workflow.getHandle(workflowId).describe();
    for (const { activityType, lastStartedTime } of raw.pendingActivities ?? []) if (lastStartedTime) begun.push(activityType?.name ?? '');
  }
  return begun;
}
