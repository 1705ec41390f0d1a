import { describe, expect, it } from '@jest/globals';
import { configSchema } from '../../../src/contracts/config.ts';
import { dataSlots } from '../../../src/workers/slots.ts';

const MiB = 2 ** 20;
const config = (budget: string, slots?: number): Parameters<typeof dataSlots>[0] =>
  configSchema.parse({ memory: { budget }, worker: slots === undefined ? {} : { dataSlots: slots } });

describe('dataSlots', () => {
  it.each([
    ['256MiB', undefined, 48, 5],
    ['64MiB', undefined, 64, 1],
    ['3584MiB', undefined, 8, 256],
    ['256MiB', 5, 48, 5],
    ['256MiB', 1, 48, 1],
  ])('a budget of %s with %s slots asked for, %i MiB a call: %i', (budget, asked, callMiB, slots) => {
    expect(dataSlots(config(budget, asked), callMiB * MiB)).toBe(slots);
  });

  it('refuses a budget that cannot hold one call', () => {
    expect(() => dataSlots(config('64MiB'), 64 * MiB + 1)).toThrow('memory.budget 64MiB cannot hold one call, which needs 65MiB');
  });

  it('refuses more slots than fit, and says what they need', () => {
    expect(() => dataSlots(config('256MiB', 8), 48 * MiB)).toThrow('worker.dataSlots 8 needs a memory.budget of 384MiB; it is 256MiB, which holds 5');
  });
});
