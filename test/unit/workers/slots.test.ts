import { describe, expect, it } from '@jest/globals';
import { configSchema } from '../../../src/contracts/config.ts';
import { dataSlots, slabBytes } from '../../../src/workers/slots.ts';

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
