import { describe, expect, it } from '@jest/globals';
import { configSchema } from '../../../src/contracts/config.ts';
import { slotsPerCall } from '../../../src/pipeline/call-slots.ts';
import { Slab, SLOT_BYTES } from '../../../src/pipeline/slab.ts';
import { dataSlots, freeSlots, slabBytes } from '../../../src/workers/slots.ts';

const MiB = 2 ** 20;
const config = (budget: string, slots?: number): Parameters<typeof dataSlots>[0] =>
  configSchema.parse({ memory: { budget }, worker: slots === undefined ? {} : { dataSlots: slots } });

describe('dataSlots', () => {
  it.each([
    ['256MiB', undefined, 56, 3],
    ['64MiB', undefined, 44, 1],
    ['3584MiB', undefined, 8, 256],
    ['256MiB', 3, 56, 3],
    ['256MiB', 1, 72, 1],
  ])('a budget of %s with %s slots asked for, %i MiB a call: %i', (budget, asked, callMiB, slots) => {
    expect(dataSlots(config(budget, asked), callMiB * MiB)).toBe(slots);
  });

  it('leaves three tenths of the budget to what lies outside the slab', () => {
    expect(slabBytes(config('256MiB'))).toBe(Math.floor(256 * MiB * 0.7));
  });

  it('refuses a budget that cannot hold one call', () => {
    expect(() => dataSlots(config('64MiB'), 49 * MiB)).toThrow('memory.budget 64MiB cannot hold one call, which needs 70MiB');
  });

  it('refuses more slots than fit, and says what they need', () => {
    expect(() => dataSlots(config('256MiB', 8), 72 * MiB)).toThrow('worker.dataSlots 8 needs a memory.budget of 823MiB; it is 256MiB, which holds 2');
  });
});

describe('slots that are free', () => {
  const { signal } = new AbortController();
  const callSlots = slotsPerCall(16 * MiB);
  const callBytes = callSlots * SLOT_BYTES;

  it('are those for whose calls there is room: none while a call of large parts waits for it', async () => {
    const slab = new Slab(4 * callBytes);
    const free = (running: number): number => freeSlots(4, running, callBytes, slab);
    expect(free(0)).toBe(4);
    const large = slotsPerCall(64 * MiB);
    expect(large).toBeGreaterThan(2 * callSlots);
    const first = await slab.reserve(large, signal);
    expect(free(1)).toBe(1);
    const waiting = slab.reserve(large, signal);
    expect(free(2)).toBe(0);
    first.end();
    const second = await waiting;
    expect(free(1)).toBe(1);
    second.end();
    expect(free(0)).toBe(4);
  });

  it('are no fewer where room is lent to a call that has more to read', async () => {
    const slab = new Slab(2 * callBytes);
    const reservation = await slab.reserve(callSlots, signal);
    const lent = Array.from({ length: 2 * callSlots }, () => reservation.tryAcquire());
    expect(lent.every((slot) => slot !== null)).toBe(true);
    expect(freeSlots(2, 1, callBytes, slab)).toBe(1);
    for (const slot of lent) slot?.release();
    reservation.end();
  });

  it('are no more than the worker takes calls', () => {
    expect(freeSlots(1, 1, callBytes, new Slab(4 * callBytes))).toBe(0);
  });
});
