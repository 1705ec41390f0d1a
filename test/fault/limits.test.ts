/** The limits of a run, as the server sees them: over all workers, in one batch and in many, to the end, and when they change. */
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { openBulk, type Bulk } from '../support/bulk.ts';
import { MIB } from '../support/fault-loads.ts';
import { reportOf } from '../support/fault-rig.ts';
import type { LoggedRequest } from '../support/request-log.ts';
import { until } from '../support/until.ts';
import { useFaultRig } from './use-fault-rig.ts';

const rig = useFaultRig();
const KIB = 2 ** 10;
let bulk: Bulk;

beforeAll(async () => {
  const { s3, buckets } = rig();
  const lines = (sizeBytes: number): Buffer => Buffer.alloc(sizeBytes, `${'x'.repeat(127)}\n`);
  bulk = await openBulk(s3, buckets, new Map([['small', lines(64 * KIB)], ['tiny', lines(2 * KIB)], ['large', lines(96 * MIB)]]));
});

/** Objects of equal content in directories that are too large for one batch each. */
async function fill(prefix: string, directories: number, objects: number, content: string): Promise<void> {
  const keys = Array.from({ length: directories * objects }, (_, at) => [`${prefix}d${at % directories}/${String(at).padStart(5, '0')}.log`, content] as const);
  await bulk.fill('logs', keys);
}

const reads = (prefix: string): readonly LoggedRequest[] => rig().proxy.log.of('GetObject', prefix).filter(({ bucket }) => bucket === 'logs');

/** Of what ended in the stretch, a second. */
function rate(requests: readonly LoggedRequest[], fromMs: number, toMs: number, of: (request: LoggedRequest) => number): number {
  const ended = requests.filter(({ endedMs }) => endedMs !== null && endedMs >= fromMs && endedMs < toMs);
  return ended.reduce((sum, request) => sum + of(request), 0) / ((toMs - fromMs) / 1000);
}

const bytesRate = (prefix: string, fromMs: number, toMs: number): number => rate(reads(prefix), fromMs, toMs, ({ answerBytes }) => answerBytes);

/** Most reads under way at the same time. */
function peak(requests: readonly LoggedRequest[]): number {
  const turns = requests.flatMap(({ startedMs, endedMs }) => [[startedMs, 1], [endedMs ?? Infinity, -1]] as const).toSorted(([a, one], [b, other]) => a - b || one - other);
  let now = 0;
  return turns.reduce((most, [, change]) => {
    now += change;
    return Math.max(most, now);
  }, 0);
}

function expectWithinTenPercent(measured: number, limit: number): void {
  expect(measured / limit).toBeGreaterThanOrEqual(0.9);
  expect(measured / limit).toBeLessThanOrEqual(1.1);
}

describe('the bytes of a run', () => {
  it('are within 10 % of the limit over two workers and many batches, follow a change within 10 s, and to the last batch', async () => {
    const { start, startWorker } = rig();
    await fill('bytes/', 8, 300, 'small');
    // The default heartbeat timeout: a change arrives with the answer to a heartbeat.
    await Promise.all([startWorker({ TRIBUTARY_WORKER_HEARTBEAT_TIMEOUT: '' }), startWorker({ TRIBUTARY_WORKER_HEARTBEAT_TIMEOUT: '' })]);
    const run = await start('bytes', { source: 's3://logs/bytes/', target: 's3://merged/bytes/', limits: { bytesPerSecond: 3 * MIB } });
    await until(() => reads('bytes/').length, (count) => count > 50);
    const startedMs = Date.now() + 2000;
    await sleep(12_500);
    expectWithinTenPercent(bytesRate('bytes/', startedMs, Date.now()), 3 * MIB);

    await run.executeUpdate('setLimits', { args: [{ bytesPerSecond: 6 * MIB }] });
    await sleep(10_000);
    const changedMs = Date.now();
    const report = await reportOf(run);
    expect(report).toMatchObject({ status: 'completed', done: { objects: 2400 } });
    const lastMs = Math.max(...reads('bytes/').map(({ endedMs }) => endedMs ?? 0));
    expect(lastMs - changedMs).toBeGreaterThan(7000);
    expectWithinTenPercent(bytesRate('bytes/', changedMs, lastMs), 6 * MIB);
  });

  it('are within 10 % of the limit where one worker reads one object', async () => {
    const { start, startWorker } = rig();
    await fill('large/', 1, 1, 'large');
    await startWorker();
    await reportOf(await start('large', { source: 's3://logs/large/', target: 's3://merged/large/', limits: { bytesPerSecond: 8 * MIB } }));
    const read = reads('large/');
    expectWithinTenPercent(bytesRate('large/', read[0]?.startedMs ?? 0, read.at(-1)?.endedMs ?? 0), 8 * MIB);
    const middleMs = (read[0]?.startedMs ?? 0) + 1000;
    expectWithinTenPercent(bytesRate('large/', middleMs, middleMs + 10_000), 8 * MIB);
  });
});

describe('the requests of a run', () => {
  it('are within 10 % of the limit over two workers, whatever they are for', async () => {
    const { proxy, start, startWorker } = rig();
    await fill('requests/', 6, 600, 'tiny');
    await Promise.all([startWorker(), startWorker()]);
    const mark = proxy.log.length;
    const run = await start('requests', { source: 's3://logs/requests/', target: 's3://merged/requests/', chunk: { lines: 100 }, limits: { requestsPerSecond: 100 } });
    await until(() => reads('requests/').length, (count) => count > 20);
    const startedMs = Date.now() + 2000;
    await sleep(14_000);
    expectWithinTenPercent(rate(proxy.log.since(mark), startedMs, Date.now(), () => 1), 100);
    await run.signal('cancel');
    await reportOf(run);
  });
});

describe('the downloads of a run', () => {
  it('are never more at the same time than the limit, over two workers and many batches, and as many where there is work', async () => {
    const { proxy, start, startWorker } = rig();
    // Six batches: with three, the worker that has one of them may have the larger share, and be done long before the other.
    await fill('downloads/', 6, 1000, 'tiny');
    await Promise.all([startWorker(), startWorker()]);
    proxy.schedule.add({ fault: { kind: 'delay', delayMs: 20 }, when: ({ operation }) => operation === 'GetObject' });
    const report = await reportOf(await start('downloads', { source: 's3://logs/downloads/', target: 's3://merged/downloads/', limits: { downloads: 5 } }));
    expect(report).toMatchObject({ status: 'completed', done: { objects: 6000 } });
    const all = reads('downloads/');
    expect(peak(all)).toBe(5);
    // Both have their shares some seconds after they have begun; in the last third one of them may have nothing left to do.
    const fromMs = (all[0]?.startedMs ?? 0) + 6000;
    const toMs = all[Math.floor(all.length * 2 / 3)]?.startedMs ?? 0;
    const busyMs = all.reduce((sum, { startedMs, endedMs }) => sum + Math.max(0, Math.min(endedMs ?? 0, toMs) - Math.max(startedMs, fromMs)), 0);
    expect(toMs - fromMs).toBeGreaterThan(3000);
    expect(busyMs / (toMs - fromMs)).toBeGreaterThan(4);
  });
});
