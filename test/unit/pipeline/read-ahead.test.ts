import { beforeEach, describe, expect, it } from '@jest/globals';
import { ReadAhead } from '../../../src/pipeline/read-ahead.ts';

const SLOTS = 22;

let times: { idle: number; active: number };
let readAhead: ReadAhead;

/** How many slots may be in use, after so much time of the loop. */
function allowedAfter(idle: number, active: number, heldSlots: number): number {
  times = { idle: times.idle + idle, active: times.active + active };
  readAhead.allows(heldSlots);
  let allowed = 0;
  while (readAhead.allows(allowed)) allowed += 1;
  return allowed;
}

beforeEach(() => {
  times = { idle: 1000, active: 1000 };
  readAhead = new ReadAhead(SLOTS, () => times);
});

describe('how far a worker reads ahead', () => {
  it('grows to all slots while the loop has time to spare', () => {
    expect([0, 1, 2, 3].map((held) => allowedAfter(30, 5, held))).toEqual([8, 16, SLOTS, SLOTS]);
  });

  it('becomes half of what is in use while the loop has none, down to two slots', () => {
    for (let step = 0; step < 3; step += 1) allowedAfter(30, 5, 4);
    expect([20, 9, 9, 9].map((held) => allowedAfter(2, 28, held))).toEqual([10, 5, 3, 2]);
    expect(allowedAfter(0, 30, 0)).toBe(2);
  });

  it('stays as it is in between, and until enough time has passed to tell', () => {
    expect(allowedAfter(15, 15, 4)).toBe(4);
    expect(allowedAfter(0, 24, 4)).toBe(4);
    expect(allowedAfter(0, 1, 4)).toBe(2);
  });

  it('asks Node how busy the loop was', async () => {
    const real = new ReadAhead(SLOTS);
    await new Promise((resolve) => { setTimeout(resolve, 200); });
    expect(real.allows(7)).toBe(true);
    const until = performance.now() + 60;
    while (performance.now() < until) await new Promise((resolve) => { setImmediate(resolve); });
    expect(real.allows(7)).toBe(false);
  });
});
