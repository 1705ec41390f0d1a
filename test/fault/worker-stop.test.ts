/** A worker is told to stop, or stands still while another takes its work over. */
import { describe, expect, it } from '@jest/globals';
import { checkRun, resentAcknowledged, writtenTwice } from '../support/fault-checks.ts';
import { BIG, fillBig, fillMany, MANY, MIB } from '../support/fault-loads.ts';
import { reportOf } from '../support/fault-rig.ts';
import { acknowledged, uploadsByKey, type LoggedRequest } from '../support/request-log.ts';
import { until } from '../support/until.ts';
import { ofChunks, useFaultRig } from './use-fault-rig.ts';

const rig = useFaultRig();

describe('SIGTERM', () => {
  it('hands the work over within seconds, and redoes nothing that was acknowledged', async () => {
    const { buckets, proxy, start, startWorker } = rig();
    const sources = await fillBig(buckets, 'term/', 11, 16);
    const mark = proxy.log.length;
    const parts = (): readonly LoggedRequest[] => ofChunks(proxy.log.since(mark), 'UploadPart');
    // The heartbeat timeout is the default of 30 s: it is not what makes the hand-over fast.
    const byDefault = { TRIBUTARY_WORKER_HEARTBEAT_TIMEOUT: '' };
    const first = await startWorker(byDefault);
    const run = await start('term', { source: 's3://logs/term/', target: 's3://merged/term/', ...BIG, limits: { bytesPerSecond: 5 * MIB } });
    await until(() => acknowledged(parts()), (count) => count >= 2);
    await startWorker(byDefault);
    const toldMs = Date.now();
    first.kill('SIGTERM');
    const { code } = await first.ended;
    const leftMs = Date.now();
    expect(code).toBe(0);
    expect(leftMs - toldMs).toBeLessThanOrEqual(8000);
    const next = await until(() => parts().find(({ startedMs }) => startedMs > leftMs), (request) => request !== undefined);
    expect((next?.startedMs ?? Infinity) - toldMs).toBeLessThanOrEqual(15_000);
    const report = await reportOf(run);
    expect(await checkRun(buckets, { report, sources, options: BIG })).toEqual([]);
    expect(resentAcknowledged(parts())).toEqual([]);
    expect([...uploadsByKey(parts()).values()].map((ids) => ids.length)).toEqual([1]);
  });
});

describe('SIGSTOP beyond the heartbeat timeout', () => {
  it.each([
    ['of one large chunk', 'big', BIG, { bytesPerSecond: 8 * MIB }, 'UploadPart', 2],
    ['of many small chunks', 'many', MANY, { requestsPerSecond: 30 }, 'PutObject', 15],
  ] as const)('%s: the frozen worker wakes up and does no harm', async (_, name, options, limits, operation, count) => {
    const { buckets, proxy, start, startWorker } = rig();
    const prefix = `frozen-${name}/`;
    const sources = name === 'big' ? await fillBig(buckets, prefix, 12, 10) : await fillMany(buckets, prefix, 13);
    const mark = proxy.log.length;
    const writes = (from = mark): number => acknowledged(ofChunks(proxy.log.since(from), operation));
    const frozen = await startWorker();
    const run = await start(`frozen-${name}`, { source: `s3://logs/${prefix}`, target: `s3://merged/${prefix}`, ...options, limits });
    await until(() => writes(), (done) => done >= count);
    frozen.kill('SIGSTOP');
    await startWorker();
    const takenOver = proxy.log.length;
    await until(() => writes(takenOver), (done) => done >= count);
    frozen.kill('SIGCONT');
    const report = await reportOf(run);
    expect(await checkRun(buckets, { report, sources, options })).toEqual([]);
    expect(report.status).toBe('completed');
    expect(writtenTwice(proxy.log.since(mark))).toEqual([]);
    expect(frozen.stderr()).not.toMatch(/TRB-CHUNK-(?:DIVERGED|CONFLICT)/);
  });

  it('with the settings that workers have by default: its work goes on elsewhere within 40 s', async () => {
    const { buckets, proxy, start, startWorker } = rig();
    const prefix = 'frozen-default/';
    const sources = await fillBig(buckets, prefix, 14, 12);
    const mark = proxy.log.length;
    const writes = (from: number): number => acknowledged(ofChunks(proxy.log.since(from), 'UploadPart'));
    const byDefault = { TRIBUTARY_WORKER_HEARTBEAT_TIMEOUT: '' };
    const frozen = await startWorker(byDefault);
    const run = await start('frozen-default', { source: `s3://logs/${prefix}`, target: `s3://merged/${prefix}`, ...BIG, limits: { bytesPerSecond: 8 * MIB } });
    await until(() => writes(mark), (done) => done >= 2);
    frozen.kill('SIGSTOP');
    const frozenMs = Date.now();
    const later = proxy.log.length;
    await startWorker(byDefault);
    await until(() => writes(later), (done) => done >= 1, 90_000);
    expect(Date.now() - frozenMs).toBeLessThanOrEqual(40_000);
    frozen.kill('SIGCONT');
    expect(await checkRun(buckets, { report: await reportOf(run), sources, options: BIG })).toEqual([]);
  });
});
