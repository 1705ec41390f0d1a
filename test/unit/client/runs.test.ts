import { describe, expect, it } from '@jest/globals';
import { ServiceError, WorkflowUpdateRPCTimeoutOrCancelledError } from '@temporalio/client';
import type { Connected } from '../../../src/client/connect.ts';
import { newRunId } from '../../../src/client/run-id.ts';
import { hashOfInput, Runs } from '../../../src/client/runs.ts';
import { aPlan } from './support.ts';

interface Started { readonly type: string; readonly options: Record<string, unknown> }

const grpc = (code: number, details: string): ServiceError =>
  new ServiceError('Failed to start Workflow', { cause: Object.assign(new Error(`${code} ${details}`), { code, details, metadata: {} }) });

/** Runs over a server that notes what is started, and refuses what `refuse` says. */
function runsOver(refuse: (started: Started) => Error | undefined = () => undefined): { runs: Runs; started: Started[] } {
  const started: Started[] = [];
  const start = async (type: string, options: Record<string, unknown>): Promise<void> => {
    const error = refuse({ type, options });
    if (error) throw error;
    started.push({ type, options });
  };
  return { runs: new Runs({ client: { workflow: { start } }, address: 'host:7233', namespace: 'default', lost: () => undefined } as unknown as Connected), started };
}

describe('Runs.merge', () => {
  it('starts the public workflow with the input as it is, and a memo to list it by', async () => {
    const { runs, started } = runsOver();
    const input = { source: 's3://logs/app', target: { uri: 's3a://merged/', store: 'eu' }, label: 'nightly', chunk: { lines: 5 } };
    const run = await runs.merge(input, 'mine');
    expect(run.id).toBe('mine');
    expect(started).toHaveLength(1);
    expect(started[0]).toMatchObject({
      type: 'mergeRun',
      options: {
        taskQueue: 'tributary', workflowId: 'mine', args: [input], workflowIdReusePolicy: 'ALLOW_DUPLICATE_FAILED_ONLY', staticSummary: 'merge s3://logs/app/ → s3://merged/',
        memo: { source: 's3://logs/app/', target: 's3://merged/', label: 'nightly', inputHash: hashOfInput(input) },
      },
    });
  });

  it('makes up an id that says what it is', async () => {
    const { runs } = runsOver();
    expect((await runs.merge({ source: 's3://logs/', target: 's3://merged/' })).id).toMatch(/^merge-logs-\d{8}-\d{6}-[0-9a-f]{4}$/);
    expect((await runs.merge({ source: 's3://logs/', target: 's3://merged/', dryRun: true })).id).toMatch(/^plan-logs-/);
    expect(newRunId('merge', 'logs', Date.UTC(2026, 10, 21, 8, 30, 12, 500))).toMatch(/^merge-logs-20261121-083012-[0-9a-f]{4}$/);
  });

  it('goes without search attributes where the server has none', async () => {
    const refusals: string[] = [];
    const { runs, started } = runsOver(({ options }) => {
      if (!('typedSearchAttributes' in options)) return undefined;
      refusals.push('x');
      return grpc(3, 'Namespace default has no mapping defined for search attribute TributaryJob');
    });
    await runs.merge({ source: 's3://logs/', target: 's3://merged/' });
    expect([refusals.length, started.length]).toEqual([1, 1]);
  });

  it('says what else the server refuses', async () => {
    const { runs } = runsOver(() => grpc(3, 'WorkflowId length exceeds limit.'));
    await expect(runs.merge({ source: 's3://logs/', target: 's3://merged/' })).rejects.toMatchObject({ code: 'TRB-INVALID-INPUT', message: 'WorkflowId length exceeds limit.' });
  });

  it('keeps the summary within 200 bytes, whole characters', async () => {
    const { runs, started } = runsOver();
    await runs.merge({ source: `s3://logs/${'é'.repeat(200)}/`, target: 's3://merged/' });
    const summary = String(started[0]?.options['staticSummary']);
    expect(Buffer.byteLength(summary)).toBeLessThanOrEqual(200);
    expect(summary).toMatch(/^merge s3:\/\/logs\/é+…$/);
  });
});

describe('Runs.apply', () => {
  it('names the plan, and is listed by its places', async () => {
    const { runs, started } = runsOver();
    await runs.apply(aPlan(), { limits: { downloads: 3 } });
    expect(started[0]?.options).toMatchObject({
      args: [{ apply: 'plan-logs-20261121-083012-4f2a', limits: { downloads: 3 } }], memo: { source: 's3://logs/', target: 's3://merged/', label: null },
    });
  });
});

describe('Run.setLimits', () => {
  it('says where there is no worker, and that the limits may not be kept', async () => {
    const executeUpdate = (): Promise<never> => Promise.reject(new WorkflowUpdateRPCTimeoutOrCancelledError('Deadline exceeded', { cause: grpc(4, 'Deadline exceeded').cause as Error }));
    const client = {
      workflow: { getHandle: () => ({ executeUpdate }) }, withDeadline: async (_: number, call: () => Promise<unknown>) => call(),
      workflowService: { describeTaskQueue: async () => ({ pollers: [] }) },
    };
    const runs = new Runs({ client, address: 'host:7233', namespace: 'default', lost: () => undefined } as unknown as Connected);
    await expect(runs.run('a').setLimits({ downloads: 3 })).rejects.toMatchObject({
      code: 'TRB-NO-WORKER', message: 'no worker serves the queue tributary at host:7233; the new limits may be lost by then: say them again when one does',
    });
  });
});

describe('hashOfInput', () => {
  const input = { source: 's3://logs/', target: 's3://merged/', limits: { downloads: 1, uploads: 2 }, include: ['a', 'b'] };

  it('is equal for what says the same', () => {
    expect(hashOfInput({ limits: { uploads: 2, downloads: 1 }, include: ['a', 'b'], target: 's3://merged/', source: 's3://logs/' })).toBe(hashOfInput(input));
  });

  it('differs for what does not', () => {
    const others = [{ ...input, include: ['b', 'a'] }, { ...input, limits: { downloads: 2, uploads: 2 } }, { ...input, again: true }, { ...input, source: 's3://log/' }];
    expect(new Set([input, ...others].map(hashOfInput)).size).toBe(5);
  });
});
