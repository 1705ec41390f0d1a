/** A batch of so many calls that its history would grow too long goes on in a new run of its workflow. */
import { describe, expect, it } from '@jest/globals';
import { createFakes, cursorAfter, linesAt, mergedBatch, reached, untilInterrupted } from '../support/fake-activities.ts';
import { eventsOf, type Recorded } from '../support/histories.ts';
import { until } from '../support/until.ts';
import { useWorkflowRig } from '../support/workflow-rig.ts';

const SUGGESTED_AT_EVENTS = 40;
const rig = useWorkflowRig({ serverArgs: ['--dynamic-config-value', `limit.historyCount.suggestContinueAsNew=${SUGGESTED_AT_EVENTS}`] });

const CALLS = 25;
const runsOfBatch = (recorded: readonly Recorded[]): readonly Recorded[] => recorded.filter(({ type }) => type === 'mergePrefix');
const callIdsOf = ({ history }: Recorded): readonly string[] => (history.events ?? []).flatMap(({ activityTaskScheduledEventAttributes: call }) => call?.activityId ?? []);

describe('a batch of many calls', () => {
  it('goes on from its cursor in a new run, and its counts with it', async () => {
    const fakes = createFakes([1], { mergeChunks: async (input) => reached(cursorAfter(linesAt(input) + 1, linesAt(input) === CALLS - 1)) });
    const recorded = await rig().serve(fakes, async () => {
      expect(await (await rig().start('many-calls')).result()).toMatchObject({ status: 'completed', lines: CALLS, done: { objects: 1 } });
    });
    expect(fakes.of('mergeChunks').map(linesAt)).toEqual(Array.from({ length: CALLS }, (_, call) => call));
    expect(runsOfBatch(recorded).length).toBeGreaterThan(2);
    for (const run of runsOfBatch(recorded)) expect(eventsOf(run)).toBeLessThan(SUGGESTED_AT_EVENTS + 10);
    // Whoever reads the runs one after another sees one count.
    expect(runsOfBatch(recorded).flatMap(callIdsOf)).toEqual(Array.from({ length: CALLS }, (_, call) => `0.${call + 1}`));
  });

  it('takes its chains and changed limits along', async () => {
    const fakes = createFakes([1], {
      mergeChunks: async (input) => {
        const { cursor, untilGroup } = input;
        // The first group holds up those behind it, which make a chain of their own.
        if (cursor === null) return reached(cursorAfter(1), { stalledAtGroup: 0 });
        if (linesAt(input) === 3 && input.limits.downloads === null) {
          await untilInterrupted(cursor);
          return reached(cursor);
        }
        return reached(cursorAfter(linesAt(input) + 1, linesAt(input) === (untilGroup === 1 ? CALLS : CALLS + 10)));
      },
    });
    await rig().serve(fakes, async () => {
      const run = await rig().start('chains');
      // The first chain waits; the second comes to the same point, although a new run was due in between.
      await until(() => new Set(fakes.of('mergeChunks').filter((input) => linesAt(input) === 3).map(({ untilGroup }) => untilGroup)).size, (chains) => chains === 2);
      await run.executeUpdate('setLimits', { args: [{ downloads: 7 }] });
      expect(await run.result()).toMatchObject({ lines: CALLS + 1 + CALLS + 11, done: { objects: 2 } });
    });
    const after = fakes.of('mergeChunks').filter((input) => linesAt(input) > 3);
    expect(after.every(({ limits }) => limits.downloads === 7)).toBe(true);
    expect(new Set(after.map(({ untilGroup }) => untilGroup))).toEqual(new Set([1, null]));
  });

  it('takes the other batches of its child along, those too that are done', async () => {
    const fakes = createFakes([3], {
      mergeChunks: async (input) => reached(cursorAfter(linesAt(input) + 1, input.batch === 0 || linesAt(input) === CALLS - 1)),
    });
    const recorded = await rig().serve(fakes, async () => {
      expect(await (await rig().start('many-calls-of-batches')).result()).toMatchObject({ status: 'completed', lines: 2 * CALLS + 1, done: { objects: 3 } });
    });
    expect(fakes.of('mergeChunks')).toHaveLength(2 * CALLS + 1);
    expect(new Set(fakes.of('mergeChunks').map((input) => `${input.batch} ${linesAt(input)}`)).size).toBe(2 * CALLS + 1);
    expect(runsOfBatch(recorded).length).toBeGreaterThan(2);
  });

  it('stays where it is while it is paused, however long its history is', async () => {
    let calls = 0;
    const fakes = createFakes([1], {
      mergeChunks: async (input) => {
        calls += 1;
        if (calls > 40) return mergedBatch(linesAt(input) + 1);
        await untilInterrupted(cursorAfter(linesAt(input) + 1));
        return reached(cursorAfter(linesAt(input) + 1));
      },
    });
    const recorded = await rig().serve(fakes, async () => {
      const run = await rig().start('paused-and-long');
      // Pauses come at every length of the history, also at that at which a new run is due.
      for (let pause = 1; pause <= 40; pause += 1) {
        await until(() => calls, (now) => now === pause);
        await run.signal('pause');
        await until(() => rig().client.workflow.getHandle(fakes.calls.at(-1)!.workflowId).query<{ state: string }>('progress'), ({ state }) => state === 'paused');
        expect(calls).toBe(pause);
        await run.signal('resume');
      }
      expect(await run.result()).toMatchObject({ status: 'completed', lines: 41 });
    });
    expect(runsOfBatch(recorded).length).toBeGreaterThan(2);
  });
});
