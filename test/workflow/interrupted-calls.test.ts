/** What calls leave that are interrupted, hand over or die: those after them go on from there. */
import { describe, expect, it } from '@jest/globals';
import type { WorkflowHandle } from '@temporalio/client';
import { Context } from '@temporalio/activity';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import type { Progress } from '../../src/contracts/progress.ts';
import { emptyTally, type Requests } from '../../src/contracts/tally.ts';
import { createFakes, cursorAfter, mergedBatch, reached, untilInterrupted } from '../support/fake-activities.ts';
import { until } from '../support/until.ts';
import { useWorkflowRig } from '../support/workflow-rig.ts';

const rig = useWorkflowRig();

/** Once in the first call, and once in the second. */
async function pauseTwice(run: WorkflowHandle, calls: () => number): Promise<void> {
  for (const call of [1, 2]) {
    await until(calls, (now) => now === call);
    await run.signal('pause');
    await until(() => run.query<Progress>('progress'), ({ state }) => state === 'paused');
    await run.signal('resume');
  }
}

describe('a run that is paused twice', () => {
  it('has uploads of a call that died looked for until a call has done so, however many are interrupted first', async () => {
    const fakes = createFakes([1], { mergeChunks: async () => {
      const call = fakes.of('mergeChunks').length;
      if (call === 3) return mergedBatch();
      await untilInterrupted(cursorAfter(42));
      // The second one was about to look.
      if (call === 2) return reached(cursorAfter(42));
      throw ApplicationFailure.create({ type: 'TRB-INTERNAL', message: 'a socket went odd', details: [{}, cursorAfter(42)] });
    } });
    await rig().serve(fakes, async () => {
      const run = await rig().start('recovering');
      await pauseTwice(run, () => fakes.of('mergeChunks').length);
      expect(await run.result()).toMatchObject({ status: 'completed' });
    });
    expect(fakes.of('mergeChunks').map(({ recovering }) => recovering)).toEqual([false, true, true]);
  });

  it('loses nothing of a listing whose call dies or hands over instead of stopping', async () => {
    const well = createFakes([1]).activities;
    const fakes = createFakes([1], { planPage: async (input) => {
      const call = fakes.of('planPage').length;
      const page = await well.planPage(input);
      if (call === 3) return page;
      const walked = { segment: `segment-${call}`, totals: page.totals, done: false };
      Context.current().heartbeat(walked);
      if (call === 1) await untilInterrupted(walked);
      // As a worker that is killed: the last that is heard of it is a heartbeat.
      else await new Promise(() => undefined);
      throw ApplicationFailure.create({ type: 'WorkerShutdown', message: 'the worker stops', details: [walked] });
    } });
    await rig().serve(fakes, async () => {
      const run = await rig().start('listing', { heartbeatTimeoutMs: 1500 });
      await pauseTwice(run, () => fakes.of('planPage').length);
      expect(await run.result()).toMatchObject({ status: 'completed', done: { objects: 1 } });
    });
    expect(fakes.of('planPage').map(({ segment }) => segment)).toEqual([null, 'segment-1', 'segment-2']);
  });

  it('has a verification go on behind what it has read, and its requests counted, whether its call stops or dies', async () => {
    const list = (requests: number): Requests => ({ ...emptyTally().requests, list: requests });
    const fakes = createFakes([1], { verifyPage: async () => {
      const call = fakes.of('verifyPage').length;
      if (call === 3) return { differences: 7, requests: list(1) };
      const looked = { read: 10 * call, requests: list(100 * call) };
      Context.current().heartbeat(looked);
      // As a worker that is killed: the last that is heard of it is a heartbeat.
      if (call === 2) await new Promise(() => undefined);
      await untilInterrupted(looked);
      throw new CancelledFailure('CANCELLED', [looked]);
    } });
    await rig().serve(fakes, async () => {
      const run = await rig().start('verification', { heartbeatTimeoutMs: 1500 });
      await pauseTwice(run, () => fakes.of('verifyPage').length);
      // One was the listing of the sources.
      expect(await run.result()).toMatchObject({ status: 'completed', verify: { differences: 7 }, requests: { list: 1 + 100 + 200 + 1 } });
    });
    expect(fakes.of('verifyPage').map(({ alreadyRead }) => alreadyRead)).toEqual([0, 10, 20]);
  });
});
