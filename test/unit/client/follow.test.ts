import { describe, expect, it } from '@jest/globals';
import { exitCodeOf } from '../../../src/client/commands/start.ts';
import { follow, type Followed } from '../../../src/client/follow.ts';
import { Output } from '../../../src/client/output.ts';
import type { Run } from '../../../src/client/runs.ts';
import type { Session } from '../../../src/client/session.ts';
import { progressOfEnded } from '../../../src/client/ended-progress.ts';
import { readEnvironment } from '../../../src/config/environment.ts';
import { TributaryError } from '../../../src/contracts/errors.ts';
import type { PlanReport, Report } from '../../../src/contracts/report.ts';
import { aPlan, aProgress, aReport, MemorySink } from './support.ts';

interface Script {
  readonly result: () => Promise<Report | PlanReport>;
  readonly progress?: () => Promise<ReturnType<typeof aProgress>>;
  readonly workerFailed?: Promise<never>;
  readonly signal?: AbortSignal;
}

async function followed({ result, progress = async () => aProgress(), workerFailed = new Promise<never>(() => undefined), signal = new AbortController().signal }: Script): Promise<{ ended: Promise<Followed>; stderr: MemorySink }> {
  const stderr = new MemorySink();
  const output = new Output({ format: 'text', color: 'never', verbosity: 0 }, { stdout: new MemorySink(), stderr }, readEnvironment({ HOME: '/' }).terminal);
  const session = { where: { kind: 'cluster' }, workerFailed, runs: { client: { withAbortSignal } } } as unknown as Session;
  return { ended: follow(session, { id: 'a', result, progress } as unknown as Run, output, { stats: '30s', signal }), stderr };
}

/** As the SDK's: a call that is given up ends. */
async function withAbortSignal(abort: AbortSignal, call: () => Promise<unknown>): Promise<unknown> {
  return Promise.race([call(), new Promise((_, reject) => { abort.addEventListener('abort', () => { reject(new Error('given up')); }); })]);
}

describe('follow', () => {
  it('ends with the result', async () => {
    const { ended } = await followed({ result: async () => aReport() });
    await expect(ended).resolves.toEqual({ ended: true, result: aReport() });
  });

  it('ends with what the run failed with', async () => {
    const { ended } = await followed({ result: () => Promise.reject(new TributaryError('TRB-TARGET-BUSY', 'busy')) });
    await expect(ended).rejects.toMatchObject({ code: 'TRB-TARGET-BUSY' });
  });

  it('ends with what the worker in this process failed with', async () => {
    const { ended } = await followed({ result: () => new Promise(() => undefined), workerFailed: Promise.reject(new TributaryError('TRB-INVALID-CONFIG', 'no budget')) });
    await expect(ended).rejects.toMatchObject({ code: 'TRB-INVALID-CONFIG' });
  });

  it('ends without a result where the reader leaves', async () => {
    const abort = new AbortController();
    const { ended } = await followed({ result: () => new Promise(() => undefined), signal: abort.signal });
    abort.abort();
    await expect(ended).resolves.toEqual({ ended: false });
  });

  it('says once that the server is away, and waits for it', async () => {
    let calls = 0;
    const { ended, stderr } = await followed({
      result: async () => {
        calls += 1;
        if (calls <= 1) throw new TributaryError('TRB-TEMPORAL-UNREACHABLE', 'Temporal at host:7233 does not answer: gone');
        return aReport();
      },
    });
    await expect(ended).resolves.toMatchObject({ ended: true });
    expect(stderr.text).toContain('Temporal at host:7233 does not answer: gone; trying again until it does\n');
    expect(calls).toBe(2);
  });

  it('says what is missing where nobody answers', async () => {
    let end: (report: Report) => void = () => undefined;
    const { ended, stderr } = await followed({
      result: () => new Promise((resolve) => { end = resolve; }),
      progress: async () => {
        setImmediate(end, aReport());
        throw new TributaryError('TRB-NO-WORKER', 'no worker serves the queue tributary at host:7233');
      },
    });
    await ended;
    expect(stderr.text).toContain('waiting: no worker serves the queue tributary at host:7233. Start one with `tributary worker`');
  });
});

describe('exitCodeOf', () => {
  it.each([
    [aReport(), 0],
    [aReport({ status: 'completed_with_failures' }), 11],
    [aReport({ status: 'cancelled' }), 12],
    [aReport({ status: 'failed' }), 1],
    [aReport({ status: 'completed_with_failures', verify: { mode: 'size', differences: 1 } }), 10],
  ])('tells a script what became of the run (%#)', (report, code) => {
    expect(exitCodeOf(report)).toBe(code);
  });
});

describe('progressOfEnded', () => {
  it('answers as the query would, without a worker', () => {
    const status = progressOfEnded('a', 5, aReport({ failed: { objects: 1, bytes: 2 }, errors: [{ code: 'TRB-SOURCE-GONE', count: 1, example: {} }] }));
    expect(status).toMatchObject({
      schema: 'tributary.progress/1', phase: 'DONE', state: 'ended', startedMs: 5, planned: { objects: 20_010, sources: 20_000 },
      tally: { doneObjects: 20_000, failedObjects: 1, lines: 1_234_567, errors: { 'TRB-SOURCE-GONE': 1 } },
    });
    expect(progressOfEnded('a', 5, aPlan())).toMatchObject({ planned: { objects: 2_010, sources: 2_000 }, tally: { doneObjects: 0 }, result: aPlan() });
  });
});
