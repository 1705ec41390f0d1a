/** What people ask of a run while it goes on: pause, resume, cancel, limits. */
import { describe, expect, it } from '@jest/globals';
import type { WorkflowHandle } from '@temporalio/client';
import { Context } from '@temporalio/activity';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import type { MergeChunksInput, MergeChunksResult } from '../../src/contracts/activities.ts';
import type { Limits } from '../../src/contracts/limits.ts';
import type { BranchProgress, Progress } from '../../src/contracts/progress.ts';
import { createFakes, cursorAfter, interrupted, linesAt, mergedBatch, untilInterrupted, type Activities, type Fakes } from '../support/fake-activities.ts';
import { createGate } from '../support/gate.ts';
import { until } from '../support/until.ts';
import { useWorkflowRig } from '../support/workflow-rig.ts';

const rig = useWorkflowRig();

const progress = (run: WorkflowHandle): Promise<Progress> => run.query<Progress>('progress');
const inState = (run: WorkflowHandle, state: Progress['state']): Promise<Progress> => until(() => progress(run), (now) => now.state === state);

/** What the UI and `temporal workflow metadata` show of it. */
const detailsOf = async (run: WorkflowHandle): Promise<string> => (await run.query<{ currentDetails: string }>('__temporal_workflow_metadata')).currentDetails;

/** The first call of each batch is interrupted, the next merges it to its end. */
const interruptedOnce = (input: MergeChunksInput): Promise<MergeChunksResult> => (input.cursor === null ? interrupted(input) : Promise.resolve(mergedBatch(linesAt(input) + 1)));

/** The workflows whose calls merge. */
const callsIn = (fakes: Fakes): string[] => fakes.calls.filter(({ name }) => name === 'mergeChunks').map(({ workflowId }) => workflowId);
const untilCancelAsked = (workflowId = ''): Promise<unknown> =>
  until(() => rig().client.workflow.getHandle(workflowId).fetchHistory(), ({ events }) => events!.some(({ activityTaskCancelRequestedEventAttributes: asked }) => asked));

describe('pause and resume', () => {
  it.each([['in one page', [3]], ['in several pages', [2, 1, 1]]])('interrupt the calls %s, start nothing meanwhile, and go on from their cursors', async (_, pages) => {
    const fakes = createFakes(pages, { mergeChunks: (input) => (fakes.of('mergeChunks').length <= 3 ? interrupted(input) : Promise.resolve(mergedBatch(linesAt(input) + 1))) });
    const batches = pages.reduce((sum, count) => sum + count, 0);
    await rig().serve(fakes, async () => {
      const run = await rig().start(`paused-${pages.length}`);
      await until(() => fakes.of('mergeChunks').length, (calls) => calls === 3);
      await run.signal('pause');
      await inState(run, 'paused');
      expect(await detailsOf(run)).toMatch(/^\*\*WRITE, paused\*\* merge s3:/);
      expect(fakes.of('mergeChunks')).toHaveLength(3);
      expect(await progress(run)).toMatchObject({ phase: 'WRITE', batches: { done: 0 } });
      await run.signal('resume');
      expect(await run.result()).toMatchObject({ status: 'completed', lines: 30 + batches, done: { objects: batches } });
    });
    expect(fakes.of('mergeChunks').slice(3, 6).map(linesAt)).toEqual([10, 10, 10]);
    expect(fakes.of('mergeChunks').every(({ recovering }) => !recovering)).toBe(true);
  });

  it.each([
    ['of one child', [3], 8, 1], ['of children of their own', [4], 3, 3], ['in several pages', [2, 1], 8, 2],
  ])('are told apart for batches %s: a run is pausing until the last call of its batches has returned', async (_, pages, parallelGroups, children) => {
    const back = createGate();
    const fakes = createFakes(pages, {
      mergeChunks: async (input) => {
        const call = fakes.of('mergeChunks').length;
        if (call > 3) return mergedBatch();
        const result = await interrupted(input);
        if (call === 3) await back.opened;
        return result;
      },
    });
    await rig().serve(fakes, async () => {
      const run = await rig().start(`pausing-${children}`, { limits: { parallelGroups } });
      await until(() => fakes.of('mergeChunks').length, (calls) => calls === 3);
      await run.signal('pause');
      await inState(run, 'pausing');
      const branches = new Set(callsIn(fakes));
      const states = (): Promise<string[]> => Promise.all([...branches].map(async (id) => (await rig().client.workflow.getHandle(id).query<BranchProgress>('progress')).state));
      await until(states, (now) => now.filter((state) => state === 'paused').length === children - 1);
      expect(await progress(run)).toMatchObject({ state: 'pausing' });
      back.open();
      await inState(run, 'paused');
      expect(await states()).toEqual(Array.from({ length: children }, () => 'paused'));
      await run.signal('resume');
      expect(await run.result()).toMatchObject({ status: 'completed' });
    });
  });

  it.each<keyof Activities>(['resolveSpec', 'checkAccess', 'planPage', 'describeBatches', 'mergeChunks', 'verifyPage', 'writeReport'])(
    'lose nothing when they come while %s runs', async (name) => {
      const id = `during-${name}`;
      const reached = createGate();
      const signalled = createGate();
      const well = createFakes([2]).activities;
      const fakes = createFakes([2], {
        [name]: async (input: never) => {
          reached.open();
          await signalled.opened;
          return (well[name] as (input: never) => unknown)(input);
        },
      });
      await rig().serve(fakes, async () => {
        const run = await rig().start(id);
        await reached.opened;
        for (const message of ['pause', 'pause', 'resume', 'resume', 'pause']) await run.signal(message);
        signalled.open();
        await run.signal('resume');
        expect(await run.result()).toMatchObject({ status: 'completed', done: { objects: 2 }, lines: 2 });
      });
    });

  it('stop a run before it has planned', async () => {
    const fakes = createFakes([1]);
    await rig().serve(fakes, async () => {
      const run = await rig().client.workflow.signalWithStart('mergeRun', { workflowId: 'paused-at-start', taskQueue: 'tributary', args: [{}], signal: 'pause', signalArgs: [{ reason: 'why not' }] });
      rig().adopt(run.workflowId, run.signaledRunId);
      await until(() => progress(run), ({ phase, state }) => phase === 'PLAN' && state === 'paused');
      expect(fakes.of('planPage')).toEqual([]);
      await run.signal('resume');
      expect(await run.result()).toMatchObject({ status: 'completed' });
    });
  });

  it('take the cursor of the last heartbeat where a call dies instead of stopping', async () => {
    const died = createGate();
    const fakes = createFakes([1], {
      mergeChunks: async (input) => {
        if (input.cursor !== null) return mergedBatch(linesAt(input) + 1);
        // As a worker that is killed: the last that is heard of it is a heartbeat.
        Context.current().heartbeat(cursorAfter(42));
        await died.opened;
        return mergedBatch(1000);
      },
    });
    await rig().serve(fakes, async () => {
      const run = await rig().start('died', { heartbeatTimeoutMs: 1500 });
      await until(() => fakes.of('mergeChunks').length, (calls) => calls === 1);
      await run.signal('pause');
      await inState(run, 'paused');
      await run.signal('resume');
      expect(await run.result()).toMatchObject({ status: 'completed', lines: 43 });
      died.open();
    });
    expect(fakes.of('mergeChunks').map((input) => ({ lines: linesAt(input), recovering: input.recovering }))).toEqual([{ lines: 0, recovering: false }, { lines: 42, recovering: true }]);
  });

  it('go on from what a call tells with its cancellation, where that comes before it begins', async () => {
    const fakes = createFakes([1], { mergeChunks: async (input) => {
      if (input.cursor !== null) return mergedBatch(linesAt(input) + 1);
      await untilInterrupted(cursorAfter(42));
      throw new CancelledFailure('CANCELLED', [cursorAfter(42)]);
    } });
    await rig().serve(fakes, async () => {
      const run = await rig().start('cancelled-call');
      await until(() => fakes.of('mergeChunks').length, (calls) => calls === 1);
      await run.signal('pause');
      await inState(run, 'paused');
      await run.signal('resume');
      await until(() => fakes.of('mergeChunks').length, (calls) => calls === 2);
      // Uploads may be left which the cursor does not name.
      expect(fakes.of('mergeChunks').map((input) => ({ lines: linesAt(input), recovering: input.recovering }))).toEqual([{ lines: 0, recovering: false }, { lines: 42, recovering: true }]);
      expect(await run.result()).toMatchObject({ status: 'completed', lines: 43 });
    });
  });

  it('begin again where a call did whose next attempt waits: what the one before had told the server has forgotten', async () => {
    const fakes = createFakes([1], { mergeChunks: async (input) => {
      if (fakes.of('mergeChunks').length > 1) return mergedBatch(linesAt(input) + 1);
      throw ApplicationFailure.create({ type: 'WorkerShutdown', message: 'the worker stops', nextRetryDelay: '60s', details: [cursorAfter(42)] });
    } });
    await rig().serve(fakes, async () => {
      const run = await rig().start('waits-in-pause');
      await until(async () => (await rig().client.workflow.getHandle(callsIn(fakes)[0] ?? 'none').describe().catch(() => null))?.raw.pendingActivities?.[0]?.attempt, (attempt) => attempt === 2);
      await run.signal('pause');
      await inState(run, 'paused');
      await run.signal('resume');
      expect(await run.result()).toMatchObject({ status: 'completed', lines: 1 });
    });
    expect(fakes.of('mergeChunks').map((input) => ({ lines: linesAt(input), recovering: input.recovering }))).toEqual([{ lines: 0, recovering: false }, { lines: 0, recovering: true }]);
  });

  it('go on where a call fails in a way that passes, just as it is interrupted: the server does not retry it then', async () => {
    const fail = createGate();
    const fakes = createFakes([1], { mergeChunks: async (input) => {
      if (input.cursor !== null) return mergedBatch(linesAt(input) + 1);
      await fail.opened;
      throw ApplicationFailure.create({ type: 'TRB-INTERNAL', message: 'a socket went odd', details: [{}, cursorAfter(42)] });
    } });
    await rig().serve(fakes, async () => {
      const run = await rig().start('fails-in-pause');
      await until(() => fakes.of('mergeChunks').length, (calls) => calls === 1);
      await run.signal('pause');
      await untilCancelAsked(callsIn(fakes)[0]);
      fail.open();
      await inState(run, 'paused');
      await run.signal('resume');
      expect(await run.result()).toMatchObject({ status: 'completed', lines: 43 });
    });
    expect(fakes.of('mergeChunks').map((input) => ({ lines: linesAt(input), recovering: input.recovering }))).toEqual([{ lines: 0, recovering: false }, { lines: 42, recovering: true }]);
  });

  it('end where a call fails for good, just as it is interrupted', async () => {
    const fail = createGate();
    const fakes = createFakes([1], { mergeChunks: async () => {
      await fail.opened;
      throw ApplicationFailure.nonRetryable('denied', 'TRB-ACCESS-DENIED', {}, cursorAfter(42));
    } });
    await rig().serve(fakes, async () => {
      const run = await rig().start('fails-for-good-in-pause');
      await until(() => fakes.of('mergeChunks').length, (calls) => calls === 1);
      await run.signal('pause');
      await untilCancelAsked(callsIn(fakes)[0]);
      fail.open();
      await expect(run.result()).rejects.toMatchObject({ cause: { type: 'TRB-ACCESS-DENIED' } });
    });
  });
});

describe('cancel', () => {
  it.each(['planPage', 'describeBatches', 'mergeChunks', 'verifyPage'] as const)('ends with a report when it comes while %s runs', async (name) => {
    const reached = createGate();
    const well = createFakes([2]).activities;
    const fakes = createFakes([2], {
      [name]: async (input: never) => {
        reached.open();
        if (name === 'mergeChunks') return interrupted(input);
        await untilInterrupted(null);
        if (name === 'describeBatches') return (well[name] as (input: never) => unknown)(input);
        throw Context.current().cancellationSignal.reason as Error;
      },
    });
    // What nobody interrupts is short.
    if (name === 'describeBatches') fakes.activities.describeBatches = async (input) => { reached.open(); return well.describeBatches(input); };
    await rig().serve(fakes, async () => {
      const run = await rig().start(`cancel-during-${name}`);
      await reached.opened;
      await run.signal('cancel', { reason: 'enough' });
      expect(await run.result()).toMatchObject({ status: 'cancelled' });
    });
    expect(fakes.of('writeReport')).toMatchObject([{ status: 'cancelled' }]);
  });

  it.each([['in one page', [2]], ['in several pages', [1, 1]]])('by the server is the same as the signal %s: what was done is in the report', async (_, pages) => {
    const fakes = createFakes(pages, { mergeChunks: interrupted });
    await rig().serve(fakes, async () => {
      const run = await rig().start(`server-cancel-${pages.length}`);
      await until(() => fakes.of('mergeChunks').length, (calls) => calls === 2);
      await run.cancel();
      expect(await run.result()).toMatchObject({ status: 'cancelled', lines: 20 });
      expect(await progress(run)).toMatchObject({ phase: 'DONE', state: 'ended' });
    });
    expect(fakes.of('mergeChunks')).toHaveLength(2);
  });

  it('is final: a resume after it does nothing, and a paused run ends too', async () => {
    const fakes = createFakes([2], { mergeChunks: interruptedOnce });
    await rig().serve(fakes, async () => {
      const run = await rig().start('cancelled-in-pause');
      await until(() => fakes.of('mergeChunks').length, (calls) => calls === 2);
      for (const message of ['pause', 'cancel', 'resume', 'pause']) await run.signal(message);
      expect(await run.result()).toMatchObject({ status: 'cancelled', lines: 20 });
    });
    expect(fakes.of('mergeChunks')).toHaveLength(2);
  });
});

describe('setLimits', () => {
  it('reaches the running calls, in pages too, which go on from their cursors under the new limits', async () => {
    const fakes = createFakes([1, 1], { mergeChunks: interruptedOnce });
    await rig().serve(fakes, async () => {
      const run = await rig().start('limits', { limits: { bytesPerSecond: 1_000_000 } });
      await until(() => fakes.of('mergeChunks').length, (calls) => calls === 2);
      const answer = await run.executeUpdate<Limits, [unknown]>('setLimits', { args: [{ downloads: 3, bytesPerSecond: '64KiB' }] });
      expect(answer).toMatchObject({ downloads: 3, bytesPerSecond: 65536, uploads: 16 });
      expect(await run.result()).toMatchObject({ status: 'completed', lines: 22 });
    });
    expect(fakes.of('mergeChunks').map(({ cursor, limits }) => ({ resumed: cursor !== null, ...limits }))).toMatchObject([
      { resumed: false, downloads: null, bytesPerSecond: 1_000_000 }, { resumed: false, downloads: null, bytesPerSecond: 1_000_000 },
      { resumed: true, downloads: 3, bytesPerSecond: 65536 }, { resumed: true, downloads: 3, bytesPerSecond: 65536 },
    ]);
  });

  it('while a run is paused holds from its resume on', async () => {
    const fakes = createFakes([1], { mergeChunks: interruptedOnce });
    await rig().serve(fakes, async () => {
      const run = await rig().start('limits-in-pause');
      await until(() => fakes.of('mergeChunks').length, (calls) => calls === 1);
      await run.signal('pause');
      await inState(run, 'paused');
      await run.executeUpdate('setLimits', { args: [{ downloads: 2 }] });
      await run.signal('resume');
      await run.result();
    });
    expect(fakes.of('mergeChunks').map(({ limits }) => limits.downloads)).toEqual([null, 2]);
  });

  it('while the run is being resolved holds over the limits that the run has, and is answered with both', async () => {
    const reached = createGate();
    const resolve = createGate();
    const well = createFakes([1]).activities;
    const fakes = createFakes([1], { resolveSpec: async (input) => {
      reached.open();
      await resolve.opened;
      return well.resolveSpec(input);
    } });
    await rig().serve(fakes, async () => {
      const run = await rig().start('limits-at-start', { limits: { requestsPerSecond: 50, downloads: 7 } });
      await reached.opened;
      const answer = run.executeUpdate<Limits, [unknown]>('setLimits', { args: [{ bytesPerSecond: '1MiB', downloads: 3 }] });
      await until(() => run.fetchHistory(), ({ events }) => events!.some(({ workflowExecutionUpdateAcceptedEventAttributes: accepted }) => accepted));
      resolve.open();
      expect(await answer).toMatchObject({ bytesPerSecond: 2 ** 20, downloads: 3, requestsPerSecond: 50, parallelGroups: 8 });
      expect(await run.result()).toMatchObject({ status: 'completed' });
    });
    expect(fakes.of('mergeChunks')).toMatchObject([{ limits: { bytesPerSecond: 2 ** 20, downloads: 3, requestsPerSecond: 50 } }]);
  });

  it('refuses what makes no sense, and the run goes on as before', async () => {
    const fakes = createFakes([1], { mergeChunks: interruptedOnce });
    await rig().serve(fakes, async () => {
      const run = await rig().start('refused');
      await until(() => fakes.of('mergeChunks').length, (calls) => calls === 1);
      for (const changes of [
        undefined, null, '64KiB', [], {}, { download: 3 }, { downloads: 0 }, { downloads: '3' }, { parallelGroups: 1.5 }, { bytesPerSecond: 'fast' }, { bytesPerSecond: 10 },
        { requestsPerSecond: {} }, { uploads: null },
      ]) {
        await expect(run.executeUpdate('setLimits', { args: [changes] })).rejects.toMatchObject({ cause: { type: 'TRB-INVALID-INPUT' } });
      }
      expect((await progress(run)).limits).toMatchObject({ downloads: null, parallelGroups: 8 });
      expect(fakes.of('mergeChunks')).toHaveLength(1);
      await run.signal('pause');
      await run.signal('resume');
      expect(await run.result()).toMatchObject({ status: 'completed' });
    });
  });

  it('is the only way: what a stranger sends as the message between parents and children changes nothing', async () => {
    const fakes = createFakes([3], { mergeChunks: interruptedOnce });
    await rig().serve(fakes, async () => {
      const run = await rig().start('junk-limits', { limits: { parallelGroups: 3 } });
      await until(() => fakes.of('mergeChunks').length, (calls) => calls === 3);
      for (const args of [[], [null], ['fast'], [{ downloads: 3 }], [{ parallelGroups: 'many' }]]) await run.signal('limits', ...args);
      expect((await progress(run)).limits).toMatchObject({ downloads: null, parallelGroups: 3 });
      await run.signal('pause');
      await run.signal('resume');
      expect(await run.result()).toMatchObject({ status: 'completed', done: { objects: 3 } });
    });
    expect(fakes.of('mergeChunks').map(({ limits }) => limits.downloads)).toEqual([null, null, null, null, null, null]);
  });
});
