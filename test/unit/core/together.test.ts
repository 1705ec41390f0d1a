import { describe, expect, it } from '@jest/globals';
import { setImmediate as turn } from 'node:timers/promises';
import { together } from '../../../src/core/together.ts';

describe('together', () => {
  it('gives what each came to, in their order', async () => {
    expect(await together(turn().then(() => 'late'), Promise.resolve(2))).toEqual(['late', 2]);
  });

  it('of several failures the first in order is thrown, whichever came first, and only when all have ended', async () => {
    const ended: string[] = [];
    const failing = async (name: string, turns: number): Promise<never> => {
      for (let n = 0; n < turns; n += 1) await turn();
      ended.push(name);
      throw new Error(name);
    };
    await expect(together(failing('source', 3), failing('target', 1), turn().then(turn).then(turn).then(turn).then(() => ended.push('record')))).rejects.toThrow('source');
    expect(ended).toEqual(['target', 'source', 'record']);
  });
});
