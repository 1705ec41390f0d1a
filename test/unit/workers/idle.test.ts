/** A worker without work: when it asks running calls to share, and whom. */
import { describe, expect, it } from '@jest/globals';
import { shareWhileIdle, type RunningBatches } from '../../../src/workers/idle.ts';
import { createManualClock } from '../../support/manual-clock.ts';
import { quietLog } from '../../support/quiet-log.ts';

/** Workflows with as many calls that can share. */
function fleet(able: Record<string, number>) {
  const shared: string[] = [];
  let lists = 0;
  const batches: RunningBatches = {
    list: async () => {
      lists += 1;
      return Object.keys(able);
    },
    canShare: async (id) => (able[id] ?? 0) > 0,
    share: async (id) => {
      able[id] = (able[id] ?? 0) - 1;
      shared.push(id);
    },
  };
  return { batches, shared, lists: () => lists };
}

describe('a worker', () => {
  it('asks for as much as it has slots, once they were free for a second, and no more than each five seconds', async () => {
    const { batches, shared, lists } = fleet({ a: 100 });
    const clock = createManualClock();
    let free = 0;
    const stop = shareWhileIdle({ batches, freeSlots: () => free, clock, log: quietLog });
    await clock.advance(10_000);
    expect(lists()).toBe(0);
    free = 2;
    await clock.advance(1000);
    expect(lists()).toBe(0);
    await clock.advance(1000);
    expect(shared).toEqual(['a', 'a']);
    await clock.advance(4000);
    expect(shared).toHaveLength(2);
    await clock.advance(1000);
    expect(shared).toHaveLength(4);
    stop();
    await clock.advance(60_000);
    expect(shared).toHaveLength(4);
  });

  it('that takes a call each second asks for nothing', async () => {
    const { batches, lists } = fleet({ a: 100 });
    const clock = createManualClock();
    let looks = 0;
    const stop = shareWhileIdle({ batches, freeSlots: () => (looks += 1) % 2, clock, log: quietLog });
    await clock.advance(60_000);
    expect(lists()).toBe(0);
    stop();
  });

  it('tells only those that can share, and looks at three at most', async () => {
    const { batches, shared, lists } = fleet({ a: 0, b: 1, c: 0 });
    const clock = createManualClock();
    const stop = shareWhileIdle({ batches, freeSlots: () => 4, clock, log: quietLog });
    await clock.advance(60_000);
    expect(shared).toEqual(['b']);
    expect(lists()).toBe(12);
    stop();
    let asked = 0;
    const many: RunningBatches = { list: async () => Array.from({ length: 50 }, String), canShare: async () => (asked += 1) < 0, share: async () => undefined };
    const other = shareWhileIdle({ batches: many, freeSlots: () => 1, clock, log: quietLog });
    await clock.advance(2000);
    expect(asked).toBe(3);
    other();
  });

  it('goes on to the next where one does not answer', async () => {
    const { batches, shared } = fleet({ a: 1, stuck: 1, ended: 1, b: 1 });
    const clock = createManualClock();
    const away = async (): Promise<never> => Promise.reject(new Error('no worker has answered'));
    const stop = shareWhileIdle({
      batches: {
        list: async () => ['stuck', 'ended', 'a'], canShare: async (id) => (id === 'stuck' ? away() : batches.canShare(id)), share: async (id) => (id === 'ended' ? away() : batches.share(id)),
      },
      freeSlots: () => 3, clock, log: quietLog,
    });
    await clock.advance(2000);
    expect(shared).toEqual(['a']);
    stop();
  });

  it('goes on where Temporal does not answer', async () => {
    const { batches, shared } = fleet({ a: 1 });
    const clock = createManualClock();
    let isAway = true;
    const stop = shareWhileIdle({ batches: { ...batches, list: async () => (isAway ? Promise.reject(new Error('unavailable')) : batches.list()) }, freeSlots: () => 1, clock, log: quietLog });
    await clock.advance(20_000);
    expect(shared).toEqual([]);
    isAway = false;
    await clock.advance(5000);
    expect(shared).toEqual(['a']);
    stop();
  });
});
