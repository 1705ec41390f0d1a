import { describe, expect, it } from '@jest/globals';
import { defaultPayloadConverter } from '@temporalio/common';
import type { Connected } from '../../../src/client/connect.ts';
import { findFinishedRun, findOpenRun, listRuns, withStates } from '../../../src/client/run-list.ts';
import { hashOfInput, Runs } from '../../../src/client/runs.ts';
import { aPlan, aReport } from './support.ts';

interface Execution {
  readonly id: string;
  readonly status: string;
  readonly startedMs: number;
  readonly memo?: Record<string, unknown>;
  readonly input?: unknown;
  readonly result?: unknown;
}

function runsWith(executions: readonly Execution[], queries: string[] = []): Runs {
  const list = async function* ({ query }: { query: string }): AsyncGenerator<object> {
    queries.push(query);
    for (const { id, status, startedMs, memo } of executions) {
      if (query.includes('Running') && status !== 'RUNNING') continue;
      yield { workflowId: id, runId: 'r', status: { name: status }, startTime: new Date(startedMs), closeTime: status === 'RUNNING' ? undefined : new Date(startedMs + 1000), memo };
    }
  };
  const client = {
    workflow: { list, getHandle: (id: string) => ({ result: async () => executions.find((one) => one.id === id)?.result }) },
    workflowService: {
      getWorkflowExecutionHistory: async ({ execution }: { execution: { workflowId: string } }) => ({
        history: { events: [{ workflowExecutionStartedEventAttributes: { input: { payloads: [defaultPayloadConverter.toPayload(executions.find(({ id }) => id === execution.workflowId)?.input)] } } }] },
      }),
    },
  };
  return new Runs({ client, address: 'host:7233', namespace: 'default', lost: () => undefined } as unknown as Connected);
}

const memo = { source: 's3://logs/', target: 's3://merged/', label: 'nightly', inputHash: 'x' };

describe('listRuns', () => {
  it('takes the status of a run that has ended from its result, the newest first', async () => {
    const lines = await listRuns(runsWith([
      { id: 'a', status: 'COMPLETED', startedMs: 1_000, memo, result: aReport({ status: 'completed_with_failures' }) },
      { id: 'b', status: 'RUNNING', startedMs: 5_000, memo },
      { id: 'c', status: 'COMPLETED', startedMs: 3_000, memo, result: aPlan() },
      { id: 'd', status: 'TERMINATED', startedMs: 2_000, memo },
    ]), 10);
    expect(lines.map(({ id, status }) => [id, status])).toEqual([['b', 'running'], ['c', 'planned'], ['d', 'terminated'], ['a', 'completed_with_failures']]);
    expect(lines[0]).toEqual({ id: 'b', job: 'merge', label: 'nightly', status: 'running', source: 's3://logs/', target: 's3://merged/', started: '1970-01-01T00:00:05.000Z', ended: null });
    expect(lines[3]?.ended).toBe('1970-01-01T00:00:02.000Z');
  });

  it('reads the input of runs that another program started', async () => {
    const lines = await listRuns(runsWith([
      { id: 'a', status: 'RUNNING', startedMs: 3, input: { source: { uri: 's3a://logs/app' }, target: 's3://merged' } },
      { id: 'b', status: 'RUNNING', startedMs: 2, input: { apply: 'plan-1' } },
      { id: 'c', status: 'FAILED', startedMs: 1, input: 'nonsense' },
    ]), 10);
    expect(lines.map(({ source, target }) => [source, target])).toEqual([['s3://logs/app/', 's3://merged/'], ['plan plan-1', ''], ['', '']]);
  });

  it('stops at the limit', async () => {
    expect(await listRuns(runsWith([1, 2, 3].map((n) => ({ id: String(n), status: 'RUNNING', startedMs: n, memo }))), 2)).toHaveLength(2);
  });
});

describe('withStates', () => {
  const line = async (runs: Runs): Promise<string[]> => (await withStates(runs, await listRuns(runs, 10))).map(({ id, status }) => `${id} ${status}`);
  const executions: readonly Execution[] = [{ id: 'a', status: 'RUNNING', startedMs: 3, memo }, { id: 'b', status: 'RUNNING', startedMs: 2, memo }, { id: 'c', status: 'FAILED', startedMs: 1, memo }];

  it('says which open runs are paused, where a worker answers', async () => {
    const asked: string[] = [];
    const runs = runsWith(executions);
    Object.assign(runs.client, { withDeadline: async (_: number, call: () => Promise<unknown>) => call() });
    Object.assign(runs.client.workflowService, { describeTaskQueue: async () => ({ pollers: [{ lastAccessTime: { seconds: Date.now() / 1000 } }] }) });
    Object.assign(runs.client.workflow, { getHandle: (id: string) => ({ query: async () => {
      asked.push(id);
      if (id === 'b') throw new Error('no answer');
      return { state: 'paused' };
    } }) });
    expect(await line(runs)).toEqual(['a paused', 'b running', 'c failed']);
    expect(asked).toEqual(['a', 'b']);
  });

  it('asks nobody where no worker is', async () => {
    const runs = runsWith(executions);
    Object.assign(runs.client.workflowService, { describeTaskQueue: async () => ({ pollers: [] }) });
    expect(await line(runs)).toEqual(['a running', 'b running', 'c failed']);
  });
});

describe('findOpenRun', () => {
  it('finds the open run of an equal input', async () => {
    const input = { source: 's3://logs/', target: 's3://merged/' };
    const queries: string[] = [];
    const runs = runsWith([
      { id: 'other', status: 'RUNNING', startedMs: 3, memo },
      { id: 'ended', status: 'COMPLETED', startedMs: 2, memo: { ...memo, inputHash: hashOfInput(input) } },
      { id: 'this', status: 'RUNNING', startedMs: 1, memo: { ...memo, inputHash: hashOfInput(input) } },
    ], queries);
    await expect(findOpenRun(runs, input)).resolves.toBe('this');
    await expect(findOpenRun(runs, { ...input, target: 's3://merged/other/' })).resolves.toBeUndefined();
    expect(queries[0]).toBe('WorkflowType = \'mergeRun\' AND ExecutionStatus = \'Running\'');
  });

  it('goes by the id where one is given, and says where another input has it', async () => {
    const input = { source: 's3://logs/', target: 's3://merged/', label: 'mine' };
    const runs = runsWith([
      { id: 'mine', status: 'RUNNING', startedMs: 1, memo: { ...memo, inputHash: hashOfInput(input) } },
      { id: 'elsewhere', status: 'RUNNING', startedMs: 1, memo: { ...memo, target: 's3://b/' } },
    ]);
    await expect(findOpenRun(runs, input, 'mine')).resolves.toBe('mine');
    await expect(findOpenRun(runs, input, 'elsewhere')).rejects.toMatchObject({
      code: 'TRB-INVALID-INPUT', message: 'the run elsewhere was started by another input, and has not ended: `tributary watch elsewhere` goes on with it, `tributary cancel elsewhere` ends it; or choose another --id',
    });
  });

  it('says which other run has the target, and how to go on with it', async () => {
    const input = { source: 's3://logs/', target: 's3a://merged', chunk: { lines: 7 } };
    const runs = runsWith([{ id: 'first', status: 'RUNNING', startedMs: 1, memo }]);
    await expect(findOpenRun(runs, input, 'second')).rejects.toMatchObject({
      code: 'TRB-TARGET-BUSY', message: 'the run first writes to s3://merged/, and was not started by this input and id: `tributary watch first` goes on with it, `tributary cancel first` ends it',
    });
    await expect(findOpenRun(runs, { ...input, dryRun: true })).resolves.toBeUndefined();
    await expect(findOpenRun(runs, { retryOf: 'a' })).resolves.toBeUndefined();
  });
});

describe('findFinishedRun', () => {
  it('finds the newest finished run between two places, however they are written', async () => {
    const runs = runsWith([
      { id: 'old', status: 'COMPLETED', startedMs: 1, memo, result: aReport() },
      { id: 'new', status: 'COMPLETED', startedMs: 2, memo, result: aReport({ status: 'completed_with_failures' }) },
      { id: 'planned', status: 'COMPLETED', startedMs: 3, memo, result: aPlan() },
      { id: 'running', status: 'RUNNING', startedMs: 4, memo },
    ]);
    await expect(findFinishedRun(runs, 's3a://logs', 's3://merged')).resolves.toBe('new');
    await expect(findFinishedRun(runs, 's3://logs/', 's3://elsewhere/')).resolves.toBeUndefined();
  });
});
