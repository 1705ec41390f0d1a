/** A worker dies. Another goes on from the last checkpoint, with the upload that was open. */
import { describe, expect, it } from '@jest/globals';
import { checkRun, resentAcknowledged, writtenTwice } from '../support/fault-checks.ts';
import { BIG, fillBig, fillMany, MANY, MIB } from '../support/fault-loads.ts';
import { reportOf } from '../support/fault-rig.ts';
import { acknowledged, rereadBytes, uploadsByKey, type LoggedRequest } from '../support/request-log.ts';
import { until } from '../support/until.ts';
import { ofChunks, useFaultRig } from './use-fault-rig.ts';

const rig = useFaultRig();

describe('kill -9 of the worker', () => {
  it('again and again inside one chunk: its upload is carried on, and no acknowledged part is sent again', async () => {
    const { buckets, proxy, start, startWorker, killWorkers } = rig();
    const kills = 3;
    const bytesPerSecond = 10 * MIB;
    const sources = await fillBig(buckets, 'again/', 1, 16);
    const mark = proxy.log.length;
    const parts = (): readonly LoggedRequest[] => ofChunks(proxy.log.since(mark), 'UploadPart');

    await startWorker();
    const run = await start('again', { source: 's3://logs/again/', target: 's3://merged/again/', ...BIG, limits: { bytesPerSecond } });
    for (let kill = 1; kill <= kills; kill += 1) {
      const before = acknowledged(parts());
      await until(() => acknowledged(parts()), (count) => count >= before + 2);
      await killWorkers();
      await startWorker();
    }
    const report = await reportOf(run);

    expect(await checkRun(buckets, { report, sources, options: BIG })).toEqual([]);
    expect(report.status).toBe('completed');
    expect([...uploadsByKey(parts()).values()].map((ids) => ids.length)).toEqual([1]);
    expect(writtenTwice(proxy.log.since(mark))).toEqual([]);
    expect(resentAcknowledged(parts())).toEqual([]);
    // What 5 s move, or one part of the one open upload.
    const boundBytes = Math.max(5 * bytesPerSecond, BIG.partBytes);
    const minimum = Math.ceil(report.chunks.bytes / BIG.partBytes);
    expect(parts().length).toBeLessThanOrEqual(minimum + kills * boundBytes / BIG.partBytes);
    expect(rereadBytes(proxy.log.since(mark).filter(({ key }) => key.startsWith('again/')))).toBeLessThanOrEqual(kills * boundBytes);
  });

  it('one of two: the other finishes, and nothing is written twice', async () => {
    const { buckets, proxy, start, startWorker } = rig();
    const sources = await fillMany(buckets, 'two/', 2);
    const mark = proxy.log.length;
    const [first] = await Promise.all([startWorker(), startWorker()]);
    const run = await start('two', { source: 's3://logs/two/', target: 's3://merged/two/', ...MANY, limits: { requestsPerSecond: 40, parallelGroups: 8 } });
    await until(() => acknowledged(ofChunks(proxy.log.since(mark), 'PutObject')), (count) => count >= 20);
    first.kill('SIGKILL');
    const report = await reportOf(run);
    expect(await checkRun(buckets, { report, sources, options: MANY })).toEqual([]);
    expect(report.status).toBe('completed');
    expect(writtenTwice(proxy.log.since(mark))).toEqual([]);
  });

  it('is taken over within 40 s by default', async () => {
    const { buckets, proxy, start, startWorker, killWorkers } = rig();
    const sources = await fillBig(buckets, 'default/', 3, 6);
    const mark = proxy.log.length;
    const parts = (): readonly LoggedRequest[] => ofChunks(proxy.log.since(mark), 'UploadPart');
    const byDefault = { TRIBUTARY_WORKER_HEARTBEAT_TIMEOUT: '' };
    await startWorker(byDefault);
    const run = await start('default', { source: 's3://logs/default/', target: 's3://merged/default/', ...BIG, limits: { bytesPerSecond: 5 * MIB } });
    await until(() => acknowledged(parts()), (count) => count >= 2);
    await killWorkers();
    const killedMs = Date.now();
    await startWorker(byDefault);
    const next = await until(() => parts().find(({ startedMs }) => startedMs > killedMs + 1000), (request) => request !== undefined);
    expect((next?.startedMs ?? Infinity) - killedMs).toBeLessThanOrEqual(40_000);
    const report = await reportOf(run);
    expect(await checkRun(buckets, { report, sources, options: BIG })).toEqual([]);
    expect(resentAcknowledged(parts())).toEqual([]);
  });
});
