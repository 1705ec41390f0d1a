/** Batches: how many at a time, in which order, and what one of them does to the others. */
import { setTimeout } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import type { MergeChunksInput } from '../../src/contracts/activities.ts';
import type { OpenChunk } from '../../src/contracts/cursor.ts';
import type { BranchProgress, Progress } from '../../src/contracts/progress.ts';
import { createFakes, cursorAfter, described, interrupted, linesAt, mergedBatch, reached, untilInterrupted } from '../support/fake-activities.ts';
import { createGate } from '../support/gate.ts';
import { eventsOf, type Recorded } from '../support/histories.ts';
import { until } from '../support/until.ts';
import { useWorkflowRig } from '../support/workflow-rig.ts';

const rig = useWorkflowRig();

describe('the window of a run', () => {
  it('holds as many batches as parallelGroups says, and takes them in the order of the plan', async () => {
    let running = 0;
    let most = 0;
    const fakes = createFakes([9], {
      mergeChunks: async () => {
        running += 1;
        most = Math.max(most, running);
        // Each call waits for the window to be full, so that a smaller one would never end.
        await until(() => running === 3 || fakes.of('mergeChunks').length === 9, Boolean);
        running -= 1;
        return mergedBatch();
      },
    });
    const recorded = await rig().serve(fakes, async () => {
      expect(await (await rig().start('window', { limits: { parallelGroups: 3 } })).result()).toMatchObject({ done: { objects: 9 } });
    });
    expect(most).toBe(3);
    const children = recorded[0]!.history.events!.map((event) => event.startChildWorkflowExecutionInitiatedEventAttributes?.workflowId ?? '');
    expect(children.filter((id) => id.includes('/batch-')).map((id) => id.slice(-4))).toEqual(Array.from({ length: 9 }, (_, batch) => `000${batch}`));
  });

  it('grows when the run may do more at the same time', async () => {
    const all = createGate();
    const fakes = createFakes([4], {
      mergeChunks: async (input) => {
        if (linesAt(input) === 0 && input.limits.parallelGroups === 1) {
          await untilInterrupted(cursorAfter(1));
          return reached(cursorAfter(1));
        }
        if (new Set(fakes.of('mergeChunks').map(({ batch }) => batch)).size === 4) all.open();
        await all.opened;
        return mergedBatch(linesAt(input) + 1);
      },
    });
    await rig().serve(fakes, async () => {
      const run = await rig().start('growing', { limits: { parallelGroups: 1 } });
      await until(() => fakes.of('mergeChunks').length, (calls) => calls === 1);
      await run.executeUpdate('setLimits', { args: [{ parallelGroups: 4 }] });
      expect(await run.result()).toMatchObject({ done: { objects: 4 }, lines: 5 });
    });
  });

  it.each([1, 2, 3])('holds no more than parallelGroups says where there are several pages: %d', async (parallelGroups) => {
    let running = 0;
    let most = 0;
    const fakes = createFakes([3, 3, 2], {
      mergeChunks: async () => {
        running += 1;
        most = Math.max(most, running);
        await setTimeout(300);
        running -= 1;
        return mergedBatch();
      },
    });
    await rig().serve(fakes, async () => {
      expect(await (await rig().start(`pages-${parallelGroups}`, { limits: { parallelGroups } })).result()).toMatchObject({ done: { objects: 8 } });
    });
    expect(most).toBeLessThanOrEqual(parallelGroups);
  });

  it('is one batch from the end of what was under way on, where two pages are and the run may do less', async () => {
    let running = 0;
    const others: number[] = [];
    const fakes = createFakes([3, 3], {
      mergeChunks: async (input) => {
        if (fakes.of('mergeChunks').length <= 2) return interrupted(input);
        others.push(running);
        running += 1;
        await setTimeout(200);
        running -= 1;
        return mergedBatch(linesAt(input) + 1);
      },
    });
    await rig().serve(fakes, async () => {
      const run = await rig().start('shrinking', { limits: { parallelGroups: 2 } });
      await until(() => fakes.of('mergeChunks').length, (calls) => calls === 2);
      await run.executeUpdate('setLimits', { args: [{ parallelGroups: 1 }] });
      expect(await run.result()).toMatchObject({ done: { objects: 6 } });
    });
    // The two that were under way end beside each other.
    expect(others.slice(2)).toEqual([0, 0, 0, 0]);
  });

  it('tells each batch the limits of the whole run: the workers share them', async () => {
    const fakes = createFakes([4, 2]);
    await rig().serve(fakes, async () => { await (await rig().start('shares', { limits: { parallelGroups: 4, bytesPerSecond: 8000, requestsPerSecond: 80 } })).result(); });
    // Two pages at a time, of two batches each.
    for (const { limits } of fakes.of('mergeChunks')) expect(limits).toMatchObject({ bytesPerSecond: 8000, requestsPerSecond: 80 });
  });
});

describe('few batches, which may all run at once,', () => {
  const childrenOf = (fakes: ReturnType<typeof createFakes>): Map<string, number[]> => {
    const byChild = Map.groupBy(fakes.calls.filter(({ name }) => name === 'mergeChunks'), ({ workflowId }) => workflowId);
    return new Map([...byChild].map(([id, calls]) => [id.slice(-16), calls.map(({ input }) => (input as MergeChunksInput).batch).sort()]));
  };

  it('are four to a child at most, neighbours together, and run beside each other', async () => {
    const all = createGate();
    const fakes = createFakes([7], {
      mergeChunks: async () => {
        if (fakes.of('mergeChunks').length === 7) all.open();
        await all.opened;
        return mergedBatch();
      },
    });
    const recorded = await rig().serve(fakes, async () => {
      const run = await rig().start('together');
      expect(await run.result()).toMatchObject({ status: 'completed', done: { objects: 7 }, lines: 7 });
      expect(await run.query<Progress>('progress')).toMatchObject({ batches: { total: 7, done: 7, running: 0 } });
    });
    expect(childrenOf(fakes)).toEqual(new Map([['000000-0000-0002', [0, 1, 2]], ['000000-0003-0006', [3, 4, 5, 6]]]));
    expect(recorded.filter(({ type }) => type === 'mergePrefix')).toHaveLength(2);
  });

  it('are counted one by one in what their child says of itself', async () => {
    const rest = createGate();
    const fakes = createFakes([3], {
      mergeChunks: async ({ batch, cursor }) => {
        if (batch === 0) return mergedBatch(5);
        // Batch 1 has ended one call, and runs another.
        if (batch === 1 && cursor === null) return reached(cursorAfter(7));
        await rest.opened;
        return mergedBatch(batch === 1 ? 9 : 1);
      },
    });
    await rig().serve(fakes, async () => {
      const run = await rig().start('counted');
      await until(() => fakes.of('mergeChunks').length, (calls) => calls === 4);
      const [{ workflowId: child } = { workflowId: '' }] = fakes.calls.filter(({ name }) => name === 'mergeChunks');
      expect(await rig().client.workflow.getHandle(child).query<BranchProgress>('progress'))
        .toMatchObject({ tally: { lines: 12, doneObjects: 1 }, chains: [{ lines: 5, doneObjects: 1 }, { lines: 7, doneObjects: 0 }, { lines: 0 }], state: 'running', batches: { total: 3, done: 1, running: 2 } });
      rest.open();
      expect(await run.result()).toMatchObject({ done: { objects: 3 }, lines: 15 });
    });
  });

  it('are no more at once than parallelGroups says that was lowered while the run was paused before them', async () => {
    const planning = createGate();
    const well = createFakes([8]).activities;
    let running = 0;
    let most = 0;
    const fakes = createFakes([8], {
      planPage: async (input) => {
        await planning.opened;
        return described(await well.planPage(input), Array.from({ length: 8 }, (_, batch) => `batch ${batch}`));
      },
      mergeChunks: async () => {
        running += 1;
        most = Math.max(most, running);
        await setTimeout(50);
        running -= 1;
        return mergedBatch();
      },
    });
    await rig().serve(fakes, async () => {
      const run = await rig().start('lowered');
      await until(() => fakes.of('planPage').length, (calls) => calls === 1);
      await run.signal('pause');
      planning.open();
      await until(() => run.query<Progress>('progress'), ({ phase, state }) => phase === 'WRITE' && state === 'paused');
      await run.executeUpdate('setLimits', { args: [{ parallelGroups: 1 }] });
      await run.signal('resume');
      expect(await run.result()).toMatchObject({ done: { objects: 8 } });
    });
    expect(most).toBe(1);
  });

  it('split their groups by themselves, and the uploads with them', async () => {
    const openIn = (group: number): OpenChunk => {
      const start = { group, row: 0, offset: 0 };
      return { chunk: 0, start, parts: 1, crc32: 1, at: start, lines: 0, bytes: 1, tail: 1, ended: { done: [0, 0], partial: [0, 0, 0], failed: [0, 0] }, closed: false };
    };
    const fakes = createFakes([2], {
      mergeChunks: async ({ batch, cursor, untilGroup, maySplit }) => {
        expect(maySplit).toBe(true);
        if (batch === 1 && cursor === null) return reached({ ...cursorAfter(1), open: [0, 4, 5, 9].map(openIn) }, { stalledAtGroup: 4 });
        return mergedBatch(batch === 0 ? 1 : untilGroup === null ? 10 : 100);
      },
    });
    await rig().serve(fakes, async () => { expect(await (await rig().start('split')).result()).toMatchObject({ lines: 111 }); });
    expect(fakes.of('mergeChunks').map(({ batch, untilGroup, cursor }) => [batch, untilGroup, cursor?.low.group ?? 0, ...(cursor?.open ?? []).map(({ start }) => start.group)]).sort())
      .toEqual([[0, null, 0], [1, null, 0], [1, null, 5, 5, 9], [1, 5, 0, 0, 4]]);
  });
});

describe('many batches', () => {
  it('are dealt out to pages, so that no history grows with their number', async () => {
    const fakes = createFakes([500, 21]);
    const recorded = await rig().serve(fakes, async () => {
      expect(await (await rig().start('pages', { limits: { parallelGroups: 40 } })).result()).toMatchObject({ done: { objects: 521 }, lines: 521 });
    });
    const ofType = (type: string): Recorded[] => recorded.filter((one) => one.type === type);
    expect(ofType('mergePage')).toHaveLength(2);
    expect(ofType('mergePrefix')).toHaveLength(521);
    expect(Math.max(...ofType('mergePage').map(eventsOf))).toBeLessThan(5000);
    expect(Math.max(...ofType('mergeRun').map(eventsOf))).toBeLessThan(120);
    expect(fakes.of('describeBatches').map(({ page }) => page).sort()).toEqual([0, 1]);
    expect(new Set(fakes.of('mergeChunks').map(({ page, batch }) => `${page}/${batch}`)).size).toBe(521);
  }, 300_000);

  it('are not held up by a slow one, in its page or in others', async () => {
    const fakes = createFakes([3, 3, 3], {
      mergeChunks: async ({ page, batch }) => {
        // The slowest of all ends when every other has.
        if (page === 0 && batch === 1) await until(() => fakes.of('mergeChunks').length, (calls) => calls === 9);
        return mergedBatch();
      },
    });
    await rig().serve(fakes, async () => {
      const run = await rig().start('slow');
      expect(await run.result()).toMatchObject({ done: { objects: 9 } });
      expect(await run.query<Progress>('progress')).toMatchObject({ batches: { total: 9, done: 9 } });
    });
  });

  it('let the groups behind a slow one go on beside it', async () => {
    const others = createGate();
    const fakes = createFakes([1], {
      mergeChunks: async ({ cursor, untilGroup, maySplit }) => {
        if (cursor === null && untilGroup === null) {
          expect(maySplit).toBe(true);
          return reached(cursorAfter(1), { stalledAtGroup: 4 });
        }
        if (untilGroup === null) {
          expect(cursor).toMatchObject({ low: { group: 5 } });
          others.open();
          return mergedBatch(10);
        }
        expect(untilGroup).toBe(5);
        await others.opened;
        return mergedBatch(100);
      },
    });
    await rig().serve(fakes, async () => { expect(await (await rig().start('stalled')).result()).toMatchObject({ lines: 110 }); });
  });
});

describe('a batch that fails', () => {
  it.each([['in one page', [3]], ['in two pages', [2, 1]]])('stops the others %s, which keep what they have, and the run says why', async (_, pages) => {
    const fakes = createFakes(pages, {
      mergeChunks: async (input) => {
        const last = input.page === pages.length - 1 && input.batch === pages.at(-1)! - 1;
        if (!last) {
          await untilInterrupted(cursorAfter(7));
          return reached(cursorAfter(7));
        }
        await until(() => fakes.of('mergeChunks').length, (calls) => calls === 3);
        throw ApplicationFailure.create({ type: 'TRB-CHUNK-CONFLICT', nonRetryable: true, message: 's3://merged/a is foreign', details: [{ key: 'a' }, cursorAfter(5)] });
      },
    });
    await rig().serve(fakes, async () => {
      const run = await rig().start(`failing-${pages.length}`);
      await expect(run.result()).rejects.toMatchObject({ cause: { type: 'TRB-CHUNK-CONFLICT', message: 's3://merged/a is foreign', details: [{ key: 'a' }, { lines: 19 }] } });
    });
    expect(fakes.of('writeReport')).toMatchObject([{ status: 'failed', tally: { lines: 19 } }]);
    expect(fakes.of('mergeChunks')).toHaveLength(3);
  });

  it('does not stop the others where its error is one that passes', async () => {
    const fakes = createFakes([2], {
      mergeChunks: async ({ batch }) => {
        if (batch === 0 && Context.current().info.attempt === 1) throw new Error('the network is down');
        return mergedBatch();
      },
    });
    await rig().serve(fakes, async () => { expect(await (await rig().start('retried')).result()).toMatchObject({ status: 'completed', done: { objects: 2 } }); });
    expect(fakes.of('mergeChunks')).toHaveLength(3);
  });
});
