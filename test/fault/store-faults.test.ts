/** The store, and the network before it, misbehave. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { AbortMultipartUploadCommand, S3Client } from '@aws-sdk/client-s3';
import { checkRun, readFailures, withFailures, writtenTwice } from '../support/fault-checks.ts';
import { BIG, fillBig, fillMany, MANY, MIB } from '../support/fault-loads.ts';
import { reportOf } from '../support/fault-rig.ts';
import { acknowledged, uploadsByKey } from '../support/request-log.ts';
import { until } from '../support/until.ts';
import { ofChunks, useFaultRig } from './use-fault-rig.ts';

const rig = useFaultRig();

describe('30 s of throttling, faults, resets and lost answers, with one source deleted and one denied', () => {
  it('completes; exactly those two are failures', async () => {
    const { buckets, proxy, s3, start, startWorker } = rig();
    const sources = await fillMany(buckets, 'storm/', 41);
    const readable = new Map([...sources].filter(([, { length }]) => length > 0).sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
    const [denied = '', deleted = ''] = [...readable.keys()].slice(-2);
    const mark = proxy.log.length;
    await startWorker();
    const { schedule } = proxy;
    schedule.add({ when: ({ operation, key }) => operation === 'GetObject' && key === `storm/${denied}`, fault: { kind: 'answer', status: 403, code: 'AccessDenied' } });
    const run = await start('storm', { source: 's3://logs/storm/', target: 's3://merged/storm/', ...MANY, limits: { requestsPerSecond: 40, parallelGroups: 2 } });
    await until(() => acknowledged(ofChunks(proxy.log.since(mark), 'PutObject')), (count) => count >= 3);
    await rm(join(s3.dataDir, 'logs', 'storm', deleted));
    const stormy = [
      schedule.add({ chance: 0.1, fault: { kind: 'answer', status: 503, code: 'SlowDown' } }),
      schedule.add({ chance: 0.05, fault: { kind: 'answer', status: 500, code: 'InternalError', early: true } }),
      schedule.add({ chance: 0.1, fault: { kind: 'swallow answer' } }),
      schedule.add({ chance: 0.05, fault: (random) => ({ kind: 'reset request', afterBytes: random.below(5000) }) }),
      schedule.add({ chance: 0.05, fault: (random) => ({ kind: 'reset answer', afterBytes: random.below(5000) }) }),
      schedule.add({ chance: 0.02, fault: { kind: 'black hole', holdMs: 1500 } }),
      schedule.add({ chance: 0.1, when: ({ range }) => range !== null, fault: { kind: 'wrong range' } }),
    ];
    await Promise.race([sleep(30_000), run.result()]);
    for (const calm of stormy) calm();
    const report = await reportOf(run);
    const failures = await readFailures(buckets, report);
    expect(await checkRun(buckets, { report, sources: withFailures(sources, failures), options: MANY })).toEqual([]);
    expect(report.status).toBe('completed_with_failures');
    expect(Object.fromEntries([...failures].map(([key, { outcome, code }]) => [key, `${outcome}: ${code}`]))).toEqual({
      [denied]: 'failed: TRB-SOURCE-DENIED', [deleted]: 'failed: TRB-SOURCE-GONE',
    });
    expect(report.failed).toEqual({ objects: 2, bytes: sources.get(denied)!.length + sources.get(deleted)!.length });
    expect(report.retries).toBeGreaterThan(0);
    expect(proxy.log.since(mark).filter(({ fault }) => fault !== null).length).toBeGreaterThan(30);
  });
});

describe('a store that answers 503 to everything for a while', () => {
  it('is asked less and less, and as often as before soon after it has recovered', async () => {
    const { buckets, proxy, start, startWorker } = rig();
    const sources = await fillMany(buckets, 'circuit/', 47, 600);
    const mark = proxy.log.length;
    const requests = (fromMs: number, toMs: number): number => proxy.log.since(mark).filter(({ startedMs }) => startedMs >= fromMs && startedMs < toMs).length;
    await startWorker();
    const run = await start('circuit', { source: 's3://logs/circuit/', target: 's3://merged/circuit/', ...MANY, limits: { requestsPerSecond: 60 } });
    await until(() => acknowledged(ofChunks(proxy.log.since(mark), 'PutObject')), (count) => count >= 100);
    const refusedMs = Date.now();
    const before = requests(refusedMs - 2000, refusedMs);
    const recover = proxy.schedule.add({ fault: { kind: 'answer', status: 503, code: 'SlowDown' } });
    await sleep(8000);
    recover();
    const recoveredMs = Date.now();
    expect(requests(recoveredMs - 2000, recoveredMs)).toBeLessThan(before / 12);
    await until(() => requests(Date.now() - 2000, Date.now()), (count) => count > before * 0.8, 30_000);
    await run.executeUpdate('setLimits', { args: [{ requestsPerSecond: 'off' }] });
    const report = await reportOf(run);
    expect(await checkRun(buckets, { report, sources, options: MANY })).toEqual([]);
    expect(report.status).toBe('completed');
    expect(writtenTwice(proxy.log.since(mark))).toEqual([]);
  });
});

describe('an answer that is lost after the store acted', () => {
  it.each([
    ['Complete', 'big', BIG, 'CompleteMultipartUpload'],
    ['PutObject', 'many', MANY, 'PutObject'],
  ] as const)('of every %s leads to one object', async (_, name, options, operation) => {
    const { buckets, proxy, start, startWorker } = rig();
    const prefix = `lost-${name}/`;
    const sources = name === 'big' ? await fillBig(buckets, prefix, 42, 2) : await fillMany(buckets, prefix, 43, 30);
    const mark = proxy.log.length;
    await startWorker();
    proxy.schedule.add({ timesEach: 1, when: (request) => request.operation === operation && request.key.includes('merged-'), fault: { kind: 'swallow answer' } });
    const report = await reportOf(await start(`lost-${name}`, { source: `s3://logs/${prefix}`, target: `s3://merged/${prefix}`, ...options }));
    expect(await checkRun(buckets, { report, sources, options })).toEqual([]);
    expect(proxy.log.since(mark).filter(({ fault }) => fault?.kind === 'swallow answer').length).toBeGreaterThanOrEqual(report.chunks.count);
    expect(writtenTwice(proxy.log.since(mark))).toEqual([]);
  });
});

describe('a write of control data that breaks off, where the answer to the question why is lost too', () => {
  it('leaves nothing open', async () => {
    const { buckets, proxy, start, startWorker } = rig();
    const sources = await fillMany(buckets, 'control/', 46, 10);
    await startWorker();
    const isControl = ({ key }: { readonly key: string }): boolean => /^control\/.*_tributary\/.*\.(?:json|ndjson)$/.test(key) && !key.endsWith('spec.json');
    proxy.schedule.add({ timesEach: 1, when: (request) => request.operation === 'PutObject' && isControl(request), fault: { kind: 'reset request', afterBytes: 10 } });
    proxy.schedule.add({ when: (request) => request.operation === 'CreateMultipartUpload' && isControl(request), fault: { kind: 'swallow answer' } });
    const report = await reportOf(await start('control', { source: 's3://logs/control/', target: 's3://merged/control/', ...MANY }));
    expect(proxy.log.of('CreateMultipartUpload', '_tributary/').filter(({ fault }) => fault?.kind === 'swallow answer').length).toBeGreaterThan(1);
    expect(await checkRun(buckets, { report, sources, options: MANY })).toEqual([]);
  });
});

describe('an upload that is aborted behind our back, as by a lifecycle rule', () => {
  it('starts its chunk again', async () => {
    const { buckets, proxy, s3, start, startWorker } = rig();
    const sources = await fillBig(buckets, 'gone/', 44, 6);
    const mark = proxy.log.length;
    await startWorker();
    const run = await start('gone', { source: 's3://logs/gone/', target: 's3://merged/gone/', ...BIG, limits: { bytesPerSecond: 8 * MIB } });
    await until(() => acknowledged(ofChunks(proxy.log.since(mark), 'UploadPart')), (count) => count >= 2);
    const client = new S3Client({ endpoint: s3.endpoint, region: 'us-east-1', credentials: { ...s3.root }, forcePathStyle: true });
    const [[key, [uploadId]]] = [...uploadsByKey(ofChunks(proxy.log.since(mark), 'UploadPart'))] as [[string, [string]]];
    await client.send(new AbortMultipartUploadCommand({ Bucket: 'merged', Key: key, UploadId: uploadId }));
    client.destroy();
    const report = await reportOf(run);
    expect(await checkRun(buckets, { report, sources, options: BIG })).toEqual([]);
    expect(uploadsByKey(ofChunks(proxy.log.since(mark), 'UploadPart')).get(key)).toEqual([uploadId, expect.any(String)]);
  });
});

describe('a byte that is changed on its way', () => {
  it('is noticed in a source that the store keeps a checksum of', async () => {
    const { buckets, proxy, start, startWorker } = rig();
    const sources = await fillMany(buckets, 'flip/', 45, 20);
    await startWorker();
    proxy.schedule.add({ timesEach: 1, when: ({ operation, bucket }) => operation === 'GetObject' && bucket === 'logs', fault: { kind: 'flip', atByte: 3 } });
    const report = await reportOf(await start('flip', { source: 's3://logs/flip/', target: 's3://merged/flip/', ...MANY }));
    expect(await checkRun(buckets, { report, sources, options: MANY })).toEqual([]);
  });
});
