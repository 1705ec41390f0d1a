import { describe, expect, it } from '@jest/globals';
import { Pacer } from '../../../src/stores/pacer.ts';
import { createManualClock } from '../../support/manual-clock.ts';

describe('Pacer', () => {
  it.each([[5, 1, 100], [1000, 1, 5000], [1_000_000, 8_388_608, 6], [50_000, 10_000, 60]])('keeps a rate of %i a second in turns of %i within 10 %%', async (rate, amount, turns) => {
    const clock = createManualClock();
    const pacer = new Pacer(() => rate, clock);
    await clock.run(Promise.all(Array.from({ length: turns }, () => pacer.take(amount))));
    const expectedMs = (turns * amount * 1000) / rate;
    expect(clock.nowMs()).toBeGreaterThan(expectedMs * 0.9);
    expect(clock.nowMs()).toBeLessThan(expectedMs * 1.1);
  });

  it('keeps the rate for one asker at a time, whose timers are late', async () => {
    const clock = createManualClock();
    const late = { ...clock, sleep: (delayMs: number, signal?: AbortSignal) => clock.sleep(delayMs + 15, signal) };
    const pacer = new Pacer(() => 20, late);
    const one = async (): Promise<void> => {
      for (let n = 0; n < 100; n += 1) await pacer.take(1);
    };
    await clock.run(one());
    expect(clock.nowMs()).toBeGreaterThan(4_500);
    expect(clock.nowMs()).toBeLessThan(5_500);
  });

  it('serves in the order of asking, also where a later one wants less', async () => {
    const clock = createManualClock();
    const pacer = new Pacer(() => 10, clock);
    const order: number[] = [];
    const amounts = [1, 20, 1, 5];
    await clock.run(Promise.all(amounts.map(async (amount, n) => {
      await pacer.take(amount);
      order.push(n);
    })));
    expect(order).toEqual([0, 1, 2, 3]);
  });

  it('gives a turn without a wait only where nobody waits and there is enough', async () => {
    const clock = createManualClock();
    const pacer = new Pacer(() => 10, clock);
    expect(pacer.tryTake(1)).toBe(false);
    const waiting = pacer.take(5);
    await clock.advance(400);
    expect(pacer.tryTake(1)).toBe(false);
    await clock.run(waiting);
    await clock.advance(100);
    expect([pacer.tryTake(1), pacer.tryTake(1)]).toEqual([true, false]);
    expect(new Pacer(() => Infinity, clock).tryTake(1e9)).toBe(true);
  });

  it('lets nobody overtake one that waits for much, though there would be enough for less', async () => {
    const clock = createManualClock();
    const pacer = new Pacer(() => 10, clock);
    const order: string[] = [];
    const large = pacer.take(20).then(() => order.push('large'));
    await clock.advance(1_000);
    const small = pacer.take(1).then(() => order.push('small'));
    await clock.run(Promise.all([large, small]));
    expect(order).toEqual(['large', 'small']);
  });

  it('never waits without a limit', async () => {
    const clock = createManualClock();
    const pacer = new Pacer(() => Infinity, clock);
    await Promise.all(Array.from({ length: 1000 }, () => pacer.take(1e9)));
    expect(clock.sleeps).toEqual([]);
  });

  it('lets an aborted waiter go at once, and nobody pays for it', async () => {
    const clock = createManualClock();
    const pacer = new Pacer(() => 1, clock);
    const controller = new AbortController();
    const reason = new Error('paused');
    const first = pacer.take(5);
    const aborted = pacer.take(1000, controller.signal);
    const last = pacer.take(5);
    controller.abort(reason);
    await expect(aborted).rejects.toBe(reason);
    await clock.run(Promise.all([first, last]));
    expect(clock.nowMs()).toBeLessThan(11_000);
    await expect(pacer.take(1, controller.signal)).rejects.toBe(reason);
  });

  it('follows a rate that rises while somebody waits', async () => {
    const clock = createManualClock();
    let rate = 1;
    const pacer = new Pacer(() => rate, clock);
    const waiting = pacer.take(1000);
    await clock.advance(2000);
    rate = 1000;
    await clock.run(waiting);
    expect(clock.nowMs()).toBeLessThan(4_000);
  });
});
