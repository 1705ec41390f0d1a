/** What people ask of a running run, also where its worker dies at that moment. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import type { WorkflowHandle } from '@temporalio/client';
import { checkRun, resentAcknowledged, writtenTwice } from '../support/fault-checks.ts';
import { BIG, fillBig, fillMany, MANY, MIB } from '../support/fault-loads.ts';
import { progressOf, reportOf } from '../support/fault-rig.ts';
import { acknowledged, rereadBytes, uploadsByKey, type LoggedRequest } from '../support/request-log.ts';
import { until } from '../support/until.ts';
import { ofChunks, useFaultRig } from './use-fault-rig.ts';

const rig = useFaultRig();
/** The default heartbeat timeout: what people ask for arrives with the answer to a heartbeat. */
const BY_DEFAULT = { TRIBUTARY_WORKER_HEARTBEAT_TIMEOUT: '' };

const paused = (run: WorkflowHandle): Promise<unknown> => until(() => progressOf(run), ({ state }) => state === 'paused');

describe('pause', () => {
  it('lets no request reach the store once 10 s have passed; resume goes on from the exact point', async () => {
    const { buckets, proxy, start, startWorker } = rig();
    const sources = await fillBig(buckets, 'pause/', 21, 10);
    const mark = proxy.log.length;
    const parts = (): readonly LoggedRequest[] => ofChunks(proxy.log.since(mark), 'UploadPart');
    await startWorker(BY_DEFAULT);
    const run = await start('pause', { source: 's3://logs/pause/', target: 's3://merged/pause/', ...BIG, limits: { bytesPerSecond: 4 * MIB } });
    await until(() => acknowledged(parts()), (count) => count >= 2);
    const askedMs = Date.now();
    await run.signal('pause');
    await paused(run);
    await sleep(Math.max(0, askedMs + 10_000 - Date.now()));
    const quiet = proxy.log.length;
    await sleep(4000);
    expect(proxy.log.since(quiet)).toEqual([]);
    expect(proxy.log.all.filter(({ endedMs }) => endedMs === null)).toEqual([]);
    expect((await buckets.openUploads('merged')).filter((key) => key.startsWith('pause/'))).toHaveLength(1);

    await run.signal('resume');
    const report = await reportOf(run);
    expect(await checkRun(buckets, { report, sources, options: BIG })).toEqual([]);
    expect(resentAcknowledged(parts())).toEqual([]);
    expect([...uploadsByKey(parts()).values()].map((ids) => ids.length)).toEqual([1]);
  });

  it('keeps what the worker had told, where it is killed at that moment; another resumes', async () => {
    const { buckets, proxy, start, startWorker, killWorkers } = rig();
    const bytesPerSecond = 6 * MIB;
    const sources = await fillBig(buckets, 'pause-kill/', 22, 10);
    const mark = proxy.log.length;
    const parts = (): readonly LoggedRequest[] => ofChunks(proxy.log.since(mark), 'UploadPart');
    await startWorker();
    const run = await start('pause-kill', { source: 's3://logs/pause-kill/', target: 's3://merged/pause-kill/', ...BIG, limits: { bytesPerSecond } });
    await until(() => acknowledged(parts()), (count) => count >= 4);
    await run.signal('pause');
    await killWorkers();
    await startWorker();
    await paused(run);
    await run.signal('resume');
    const report = await reportOf(run);
    expect(await checkRun(buckets, { report, sources, options: BIG })).toEqual([]);
    expect(resentAcknowledged(parts())).toEqual([]);
    expect([...uploadsByKey(parts()).values()].map((ids) => ids.length)).toEqual([1]);
    expect(rereadBytes(proxy.log.since(mark).filter(({ key }) => key.startsWith('pause-kill/')))).toBeLessThanOrEqual(Math.max(5 * bytesPerSecond, BIG.partBytes));
  });
});

describe('what is asked while no worker is there', () => {
  it('is done in the order in which it was asked, in children too', async () => {
    const { buckets, proxy, start, startWorker, killWorkers } = rig();
    const sources = await fillMany(buckets, 'order/', 28, 60);
    const mark = proxy.log.length;
    await startWorker();
    const run = await start('order', { source: 's3://logs/order/', target: 's3://merged/order/', ...MANY, limits: { requestsPerSecond: 30 } });
    await until(() => acknowledged(ofChunks(proxy.log.since(mark), 'PutObject')), (count) => count >= 5);
    await killWorkers();
    for (let time = 0; time < 4; time += 1) {
      await run.signal('pause');
      await run.signal('resume');
    }
    await startWorker();
    const report = await reportOf(run);
    expect(report.status).toBe('completed');
    expect(await checkRun(buckets, { report, sources, options: MANY })).toEqual([]);
  });
});

describe('setLimits', () => {
  it('changes the rate that the store sees within 10 s', async () => {
    const { buckets, proxy, start, startWorker } = rig();
    const sources = await fillMany(buckets, 'limits/', 25);
    const mark = proxy.log.length;
    const requests = (fromMs: number, toMs: number): number => proxy.log.since(mark).filter(({ startedMs }) => startedMs >= fromMs && startedMs < toMs).length;
    await startWorker(BY_DEFAULT);
    const run = await start('limits', { source: 's3://logs/limits/', target: 's3://merged/limits/', ...MANY, limits: { requestsPerSecond: 30 } });
    await until(() => acknowledged(ofChunks(proxy.log.since(mark), 'PutObject')), (count) => count >= 10);
    const changedMs = Date.now();
    await run.executeUpdate('setLimits', { args: [{ requestsPerSecond: 4 }] });
    await sleep(Math.max(0, changedMs + 16_000 - Date.now()));
    // Control data is written outside the limit: a file of the index a second.
    expect(requests(changedMs - 1000, changedMs)).toBeGreaterThan(12);
    expect(requests(changedMs + 10_000, changedMs + 16_000)).toBeLessThanOrEqual(6 * 4 + 6);
    expect(requests(changedMs + 10_000, changedMs + 16_000)).toBeGreaterThan(0);
    await run.executeUpdate('setLimits', { args: [{ requestsPerSecond: 'off' }] });
    const report = await reportOf(run);
    expect(await checkRun(buckets, { report, sources, options: MANY })).toEqual([]);
    expect(writtenTwice(proxy.log.since(mark))).toEqual([]);
  });
});
