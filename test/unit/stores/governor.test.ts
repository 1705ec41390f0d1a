import { describe, expect, it } from '@jest/globals';
import { Governor } from '../../../src/stores/governor.ts';
import { createManualClock, type ManualClock } from '../../support/manual-clock.ts';

/** Sends as fast as it may for a while, at most 100 at the same time, 10 ms each. @returns requests a second */
async function sendFor(clock: ManualClock, governor: Governor, seconds: number, onSent: (sent: number) => void = () => undefined): Promise<number> {
  const startMs = clock.nowMs();
  let sent = 0;
  const sender = async (): Promise<void> => {
    while (clock.nowMs() - startMs < seconds * 1000) {
      await governor.admit(false);
      if (clock.nowMs() - startMs >= seconds * 1000) return;
      sent += 1;
      onSent(sent);
      await clock.sleep(10);
    }
  };
  await clock.run(Promise.all(Array.from({ length: 20 }, sender)));
  return sent / seconds;
}

describe('Governor', () => {
  it('has no limit before the store complains', async () => {
    const clock = createManualClock();
    const governor = new Governor({ clock });
    expect(await sendFor(clock, governor, 1)).toBeGreaterThan(1900);
    expect(governor.isThrottled()).toBe(false);
  });

  it('drops the rate when the store asks for less, once for all that were in flight, and recovers by itself', async () => {
    const clock = createManualClock();
    const governor = new Governor({ clock });
    const before = await sendFor(clock, governor, 2);
    for (let n = 0; n < 50; n += 1) governor.throttled();
    expect(governor.isThrottled()).toBe(true);
    const after = await sendFor(clock, governor, 1);
    expect(after).toBeGreaterThan(before * 0.4);
    expect(after).toBeLessThan(before * 0.75);
    await clock.advance(30_000);
    expect(governor.isThrottled()).toBe(false);
    expect(await sendFor(clock, governor, 1)).toBeGreaterThan(before * 0.9);
  });

  it('goes down to what a store can do, and stays near it', async () => {
    const clock = createManualClock();
    const governor = new Governor({ clock });
    const capacityPerSecond = 100;
    let windowMs = 0;
    let inWindow = 0;
    const rates: number[] = [];
    for (let n = 0; n < 60; n += 1) {
      rates.push(await sendFor(clock, governor, 1, () => {
        if (clock.nowMs() - windowMs >= 1000) {
          windowMs = clock.nowMs();
          inWindow = 0;
        }
        inWindow += 1;
        if (inWindow > capacityPerSecond) governor.throttled();
      }));
    }
    const settled = rates.slice(20);
    const average = settled.reduce((sum, rate) => sum + rate, 0) / settled.length;
    expect(average).toBeGreaterThan(capacityPerSecond * 0.5);
    expect(average).toBeLessThan(capacityPerSecond * 1.2);
  });

  it('keeps the configured bound', async () => {
    const clock = createManualClock();
    const governor = new Governor({ clock, requestsPerSecond: 50 });
    expect(await sendFor(clock, governor, 10)).toBeCloseTo(50, -1);
  });

  it('bounds repeats of a store that half works, and not those of one that seldom fails', async () => {
    const clock = createManualClock();
    const governor = new Governor({ clock });
    await clock.run(Promise.all(Array.from({ length: 400 }, () => governor.admit(true))));
    expect(clock.nowMs()).toBeGreaterThan(25_000);
    const startMs = clock.nowMs();
    for (let n = 0; n < 1000; n += 1) governor.succeeded();
    await clock.run(Promise.all(Array.from({ length: 90 }, () => governor.admit(true))));
    expect(clock.nowMs() - startMs).toBeLessThan(500);
  });
});
