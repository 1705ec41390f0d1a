import { describe, expect, it } from '@jest/globals';
import type { Client } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import { liveProgress } from '../../../src/client/live-progress.ts';
import { emptyTally, type Tally } from '../../../src/contracts/tally.ts';
import { aProgress, RUN_ID } from './support.ts';

interface FakeWorkflow {
  readonly progress?: object;
  readonly children?: readonly { workflowId: string; workflowTypeName: string }[];
  readonly activities?: readonly object[];
  /** WORKFLOW_EXECUTION_STATUS_…; default: it runs. */
  readonly status?: number;
}

/** A client of a server that has these workflows. */
function serverWith(workflows: Readonly<Record<string, FakeWorkflow>>, onQuery: (id: string) => void = () => undefined): Client {
  const getHandle = (id: string) => ({
    query: async () => {
      onQuery(id);
      const progress = workflows[id]?.progress;
      if (progress === undefined) throw new Error(`no worker answers for ${id}`);
      return progress;
    },
    describe: async () => ({ raw: { pendingChildren: workflows[id]?.children ?? [], pendingActivities: workflows[id]?.activities ?? [], workflowExecutionInfo: { status: workflows[id]?.status ?? 1 } } }),
  });
  return { workflow: { getHandle }, withDeadline: async (_: number, call: () => Promise<unknown>) => call() } as unknown as Client;
}

const counts = (n: number): Tally => ({ ...emptyTally(), doneObjects: n, doneBytes: n * 10, lines: n * 100, chunks: n });

/** As far as it is read here. */
function cursor(tally: Tally, open: readonly { offset: number; lines: number; objects: number }[] = []): object {
  return {
    v: 1, low: { group: 0, row: 5, offset: 7 }, chunk: 0, tally, done: false,
    open: open.map(({ offset, lines, objects }) => ({ at: { group: 0, row: 6, offset }, lines, ended: { done: [objects, objects * 10], partial: [0, 0], failed: [0, 0] } })),
  };
}

const call = (details?: unknown, more: object = {}): object => ({
  activityId: '0.1', activityType: { name: 'mergeChunks' }, state: 2, attempt: 1, ...(details === undefined ? {} : { heartbeatDetails: { payloads: [defaultPayloadConverter.toPayload(details)] } }), ...more,
});
const batch = (n: number): { workflowId: string; workflowTypeName: string } => ({ workflowId: `batch-${n}`, workflowTypeName: 'mergePrefix' });

describe('liveProgress', () => {
  it('adds what running batches have heartbeated to what has ended', async () => {
    const progress = await liveProgress(serverWith({
      [RUN_ID]: { progress: aProgress({ tally: counts(1) }), children: [batch(1), batch(2), { workflowId: 'lease', workflowTypeName: 'targetLease' }] },
      'batch-1': { activities: [call(cursor(counts(10)))] },
      'batch-2': { activities: [call(cursor(counts(100)))] },
    }), RUN_ID);
    expect(progress.tally).toEqual(counts(111));
    expect(progress.underwayBytes).toBe(14);
    expect(progress.state).toBe('running');
  });

  it('counts chunks that are not published yet up to where they have come, but for their number', async () => {
    const { tally, underwayBytes } = await liveProgress(serverWith({
      [RUN_ID]: { progress: aProgress({ tally: emptyTally() }), children: [batch(1)] },
      'batch-1': { activities: [call(cursor(counts(10), [{ offset: 30, lines: 9, objects: 1 }, { offset: 55, lines: 9, objects: 1 }]))] },
    }), RUN_ID);
    expect(tally).toMatchObject({ doneObjects: 12, doneBytes: 120, lines: 1018, chunks: 10 });
    expect(underwayBytes).toBe(55);
  });

  it('asks a batch without a heartbeat for what it knows, and counts one that does not answer as nothing', async () => {
    const { tally } = await liveProgress(serverWith({
      [RUN_ID]: { progress: aProgress({ tally: counts(1) }), children: [batch(1), batch(2)] },
      'batch-1': { progress: { tally: counts(20), chains: [counts(20)] }, activities: [call()] },
      'batch-2': {},
    }), RUN_ID);
    expect(tally).toEqual(counts(21));
  });

  it('adds up the calls of a batch that has several, and of each what its workflow knows where that is more', async () => {
    const batchOf = async (...known: readonly Tally[]): Promise<Tally> => (await liveProgress(serverWith({
      [RUN_ID]: { progress: aProgress({ tally: emptyTally() }), children: [batch(1)] },
      'batch-1': { progress: { tally: emptyTally(), chains: known }, activities: [call(cursor(counts(10)), { activityId: '0.2' }), call(cursor(counts(5)), { activityId: '1.1' })] },
    }), RUN_ID)).tally;
    expect(await batchOf(counts(3), counts(0))).toEqual(counts(15));
    expect(await batchOf(counts(3), counts(40))).toEqual(counts(50));
    // A third that has ended, or is between two calls.
    expect(await batchOf(counts(3), counts(5), counts(100))).toEqual(counts(115));
  });

  it.each([
    ['a child with several batches', 'run/1/batch-000000-0000-0003', '0.1'], ['a batch of which the others ended before', 'run/1/batch-000000-0000', '0.2'],
  ])('adds what the ended calls of %s did to what the one that runs has heartbeated', async (_, id, activityId) => {
    const { tally } = await liveProgress(serverWith({
      [RUN_ID]: { progress: aProgress({ tally: counts(1) }), children: [{ workflowId: id, workflowTypeName: 'mergePrefix' }] },
      [id]: { progress: { tally: counts(24), chains: [counts(4), counts(20)] }, activities: [call(cursor(counts(9)), { activityId })] },
    }), RUN_ID);
    expect(tally).toEqual(counts(30));
  });

  it('counts no chain twice that has ended since its calls were looked at', async () => {
    const id = 'run/1/batch-000000-0000-0001';
    const { tally } = await liveProgress(serverWith({
      [RUN_ID]: { progress: aProgress({ tally: emptyTally() }), children: [{ workflowId: id, workflowTypeName: 'mergePrefix' }] },
      [id]: { progress: { tally: counts(100), chains: [counts(100), counts(0)] }, activities: [call(cursor(counts(90))), call(cursor(counts(50)), { activityId: '1.1' })] },
    }), RUN_ID);
    expect(tally).toEqual(counts(150));
  });

  it('looks again where a child has ended since its run was asked for its children', async () => {
    const workflows: Record<string, FakeWorkflow> = { [RUN_ID]: { progress: aProgress({ tally: counts(7) }), children: [batch(1)] }, 'batch-1': { progress: { tally: counts(7) }, status: 2 } };
    let asked = 0;
    const server = serverWith(workflows, (id) => {
      if (id === RUN_ID) asked += 1;
      if (asked === 2) workflows[RUN_ID] = { progress: aProgress({ tally: counts(8) }), children: [] };
    });
    expect((await liveProgress(server, RUN_ID)).tally).toEqual(counts(8));
    expect(asked).toBe(3);
  });

  it('does not wait for children that end all the time, and counts none of them twice', async () => {
    let asked = 0;
    const server = serverWith({ [RUN_ID]: { progress: aProgress({ tally: counts(7) }), children: [batch(1)] }, 'batch-1': { progress: { tally: counts(7) }, status: 2 } }, () => { asked += 1; });
    expect((await liveProgress(server, RUN_ID)).tally).toEqual(counts(7));
    expect(asked).toBe(3);
  });

  it('walks through pages of batches', async () => {
    const { tally } = await liveProgress(serverWith({
      [RUN_ID]: { progress: aProgress({ tally: counts(1) }), children: [{ workflowId: 'page', workflowTypeName: 'mergePage' }] },
      page: { progress: { tally: counts(5) }, children: [batch(1)] },
      'batch-1': { activities: [call(cursor(counts(10)))] },
    }), RUN_ID);
    expect(tally).toEqual(counts(16));
  });

  it('says what a call is tried again for: while it waits, and in its first seconds', async () => {
    const failure = { message: 'activity error', cause: { message: 'store default cannot be reached' } };
    const waiting = async (more: object): Promise<string | null> => (await liveProgress(serverWith({
      [RUN_ID]: { progress: aProgress({ phase: 'PLAN' }), activities: [call(undefined, { attempt: 3, lastFailure: failure, ...more })] },
    }), RUN_ID)).waiting;
    expect(await waiting({ state: 1 })).toBe('store default cannot be reached (mergeChunks, attempt 3)');
    expect(await waiting({ state: 2, lastStartedTime: { seconds: Math.floor(Date.now() / 1000) } })).toMatch(/cannot be reached/);
    expect(await waiting({ state: 2, lastStartedTime: { seconds: Math.floor(Date.now() / 1000) - 60 } })).toBeNull();
    expect(await waiting({ state: 1, lastFailure: { message: 'stopping', applicationFailureInfo: { type: 'WorkerShutdown' } } })).toBeNull();
  });

  it('leaves a run that has ended as it is', async () => {
    const ended = aProgress({ state: 'ended', phase: 'DONE' });
    expect(await liveProgress(serverWith({ [RUN_ID]: { progress: ended, children: [batch(1)] }, 'batch-1': { activities: [call(cursor(counts(10)))] } }), RUN_ID)).toEqual(ended);
  });
});
