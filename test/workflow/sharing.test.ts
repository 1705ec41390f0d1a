/** Running calls share what they have left, when a worker without work asks for some. */
import { describe, expect, it } from '@jest/globals';
import { Context } from '@temporalio/activity';
import type { MergeChunksInput, MergeChunksResult } from '../../src/contracts/activities.ts';
import type { BranchProgress, Progress } from '../../src/contracts/progress.ts';
import { runningBatches } from '../../src/workers/running-batches.ts';
import { createFakes, cursorAfter, described, linesAt, mergedBatch, reached, untilInterrupted, type Fakes } from '../support/fake-activities.ts';
import { createGate } from '../support/gate.ts';
import { until } from '../support/until.ts';
import { useWorkflowRig } from '../support/workflow-rig.ts';

const rig = useWorkflowRig();
const GROUPS = 10;

/** Batches of ten groups each, whose calls do what the test says. */
function tenGroups(batches: number, mergeChunks: (input: MergeChunksInput) => Promise<MergeChunksResult>): Fakes {
  const { planPage } = createFakes([batches]).activities;
  return createFakes([batches], {
    planPage: async (input) => described(await planPage(input), Array.from({ length: batches }, (_, batch) => `batch ${batch}`), GROUPS), mergeChunks,
  });
}

/** A call that is interrupted in its third group, and has the fifth in the middle of what is left. */
async function interruptedInThird(input: MergeChunksInput): Promise<MergeChunksResult> {
  const further = { ...cursorAfter(linesAt(input) + 1), low: { group: 2, row: 7, offset: 0 } };
  await untilInterrupted(further);
  return reached(further, { halfwayGroup: 5 });
}

const childOf = async (fakes: Fakes): Promise<ReturnType<ReturnType<typeof rig>['client']['workflow']['getHandle']>> => {
  await until(() => fakes.of('mergeChunks').length, (calls) => calls > 0);
  return rig().client.workflow.getHandle(fakes.calls.find(({ name }) => name === 'mergeChunks')!.workflowId);
};
const canShare = async (child: Awaited<ReturnType<typeof childOf>>): Promise<boolean | undefined> => (await child.query<BranchProgress>('progress')).canShare;

describe('a call that is asked to share', () => {
  it('goes on in two chains beside each other, which look for uploads that its cursor does not name', async () => {
    const both = createGate();
    const fakes = tenGroups(1, async (input) => {
      if (input.cursor === null) return interruptedInThird(input);
      if (fakes.of('mergeChunks').length === 3) both.open();
      await both.opened;
      return mergedBatch(input.untilGroup === null ? 100 : 10);
    });
    await rig().serve(fakes, async () => {
      const run = await rig().start('shared');
      const child = await childOf(fakes);
      expect(await canShare(child)).toBe(true);
      await child.signal('share');
      expect(await run.result()).toMatchObject({ status: 'completed', lines: 110 });
      expect(await run.query<Progress>('progress')).toMatchObject({ batches: { total: 1, done: 1 } });
    });
    expect(fakes.of('mergeChunks').map(({ cursor, untilGroup, recovering }) => [cursor?.low.group ?? 0, untilGroup, recovering]).sort()).toEqual([[0, null, false], [2, 6, true], [6, null, true]]);
  });

  it('is another one each time, until as many run as parallelGroups allow', async () => {
    const rest = createGate();
    const fakes = tenGroups(2, async (input) => {
      if (input.cursor === null) return interruptedInThird(input);
      await Promise.race([rest.opened, untilInterrupted(input.cursor)]);
      return mergedBatch();
    });
    await rig().serve(fakes, async () => {
      const run = await rig().start('many', { limits: { parallelGroups: 4 } });
      const child = await childOf(fakes);
      await until(() => fakes.of('mergeChunks').length, (calls) => calls === 2);
      await child.signal('share');
      await child.signal('share');
      await child.signal('share');
      await until(() => fakes.of('mergeChunks').length, (calls) => calls === 6);
      expect(fakes.of('mergeChunks').slice(2).map(({ batch }) => batch).sort()).toEqual([0, 0, 1, 1]);
      expect(await canShare(child)).toBe(false);
      await child.signal('share');
      rest.open();
      expect(await run.result()).toMatchObject({ status: 'completed', lines: 4 });
    });
    expect(fakes.of('mergeChunks')).toHaveLength(6);
  });

  it.each([
    ['of a batch of one group', 1, 8], ['where no more may run', GROUPS, 1],
  ])('goes on undisturbed %s', async (_, groups, parallelGroups) => {
    const rest = createGate();
    const { planPage } = createFakes([1]).activities;
    const fakes = createFakes([1], {
      planPage: async (input) => described(await planPage(input), ['batch 0'], groups),
      mergeChunks: async () => {
        await rest.opened;
        return mergedBatch();
      },
    });
    await rig().serve(fakes, async () => {
      const run = await rig().start(`undisturbed-${groups}`, { limits: { parallelGroups } });
      const child = await childOf(fakes);
      expect(await canShare(child)).toBe(false);
      await child.signal('share');
      rest.open();
      expect(await run.result()).toMatchObject({ status: 'completed', lines: 1 });
    });
    expect(fakes.of('mergeChunks')).toHaveLength(1);
  });

  it('goes on alone where it has come to its last group, and is not asked again', async () => {
    const fakes = tenGroups(1, async (input) => {
      if (input.cursor !== null) return mergedBatch(5);
      const further = { ...cursorAfter(3), low: { group: 9, row: 70, offset: 0 } };
      await untilInterrupted(further);
      return reached(further);
    });
    await rig().serve(fakes, async () => {
      const run = await rig().start('last-group');
      await (await childOf(fakes)).signal('share');
      expect(await run.result()).toMatchObject({ lines: 5 });
    });
    expect(fakes.of('mergeChunks').map(({ untilGroup }) => untilGroup)).toEqual([null, null]);
  });

  it('goes on alone where the run may do less by the time it answers', async () => {
    const back = createGate();
    const fakes = tenGroups(1, async (input) => {
      if (input.cursor !== null) return mergedBatch(5);
      const result = await interruptedInThird(input);
      await back.opened;
      return result;
    });
    await rig().serve(fakes, async () => {
      const run = await rig().start('fewer');
      const child = await childOf(fakes);
      await child.signal('share');
      await run.executeUpdate('setLimits', { args: [{ parallelGroups: 1 }] });
      await until(() => child.fetchHistory(), ({ events }) => events!.filter(({ workflowExecutionSignaledEventAttributes: signal }) => signal).length === 2);
      back.open();
      expect(await run.result()).toMatchObject({ status: 'completed', lines: 5 });
    });
    expect(fakes.of('mergeChunks').map(({ untilGroup, limits }) => [untilGroup, limits.parallelGroups])).toEqual([[null, 8], [null, 1]]);
  });

  it('is not asked again where its worker is of a version that does not say where to divide', async () => {
    const rest = createGate();
    const fakes = tenGroups(1, async (input) => {
      if (input.cursor !== null) {
        await rest.opened;
        return mergedBatch(5);
      }
      const { halfwayGroup: _, ...older } = await interruptedInThird(input);
      return older;
    });
    await rig().serve(fakes, async () => {
      const run = await rig().start('older');
      const child = await childOf(fakes);
      await child.signal('share');
      await until(() => fakes.of('mergeChunks').length, (calls) => calls === 2);
      expect(await canShare(child)).toBe(false);
      rest.open();
      expect(await run.result()).toMatchObject({ status: 'completed', lines: 5 });
    });
  });

  it('is left alone while an operator has the server pause it: another call would go on in its place', async () => {
    const { client } = rig();
    const fakes = tenGroups(1, async (input) => {
      if (fakes.of('mergeChunks').length > 1) return mergedBatch(5);
      await untilInterrupted(cursorAfter(linesAt(input) + 1));
      throw Context.current().cancellationSignal.reason;
    });
    await rig().serve(fakes, async () => {
      const run = await rig().start('paused-call');
      const { workflowId } = await childOf(fakes);
      const call = { namespace: client.options.namespace, execution: { workflowId }, identity: 'an operator', id: '0.1' };
      const stateNow = async (): Promise<number> => Number((await client.workflow.getHandle(workflowId).describe()).raw.pendingActivities?.[0]?.state);
      await until(stateNow, (state) => state === 2);
      expect(await runningBatches(client).canShare(workflowId)).toBe(true);
      await client.workflowService.pauseActivity(call);
      expect(await runningBatches(client).canShare(workflowId)).toBe(false);
      await until(stateNow, (state) => state === 4);
      expect(await runningBatches(client).canShare(workflowId)).toBe(false);
      await client.workflowService.unpauseActivity(call);
      expect(await run.result()).toMatchObject({ status: 'completed', lines: 5 });
    });
  });

  it('has shared after a pause that came in between', async () => {
    const fakes = tenGroups(1, async (input) => (input.cursor === null ? interruptedInThird(input) : mergedBatch(input.untilGroup === null ? 100 : 10)));
    await rig().serve(fakes, async () => {
      const run = await rig().start('paused');
      const child = await childOf(fakes);
      await Promise.all([child.signal('share'), run.signal('pause')]);
      await until(() => run.query<Progress>('progress'), ({ state }) => state === 'paused');
      const calls = fakes.of('mergeChunks').length;
      await child.signal('share');
      expect(fakes.of('mergeChunks')).toHaveLength(calls);
      await run.signal('resume');
      expect(await run.result()).toMatchObject({ status: 'completed' });
    });
    expect(fakes.of('mergeChunks').length).toBeGreaterThanOrEqual(2);
  });
});
