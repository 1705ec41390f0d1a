import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { apportion } from '../../../src/core/apportion.ts';

const dealt = (whole: number, weights: Readonly<Record<string, number>>): object => Object.fromEntries(apportion(whole, new Map(Object.entries(weights))));

describe('apportion', () => {
  it.each([
    [25, { a: 2, b: 2 }, { a: 13, b: 12 }], [4, { a: 1, b: 1, c: 2 }, { a: 1, b: 1, c: 2 }], [1, { b: 2, a: 2 }, { a: 1, b: 0 }], [7, { a: 3 }, { a: 7 }], [3, {}, {}],
  ])('deals %d out among %j', (whole, weights, shares) => {
    expect(dealt(whole, weights as Record<string, number>)).toEqual(shares);
  });

  it('deals out all there is, each share within one of what is due, in whatever order the weights are named', () => {
    fc.assert(fc.property(fc.integer({ min: 0, max: 1000 }), fc.dictionary(fc.string(), fc.integer({ min: 1, max: 50 }), { minKeys: 1, maxKeys: 20 }), (whole, weights) => {
      const entries = Object.entries(weights);
      const total = entries.reduce((sum, [, weight]) => sum + weight, 0);
      const shares = apportion(whole, new Map(entries));
      expect([...shares.values()].reduce((sum, share) => sum + share, 0)).toBe(whole);
      for (const [name, weight] of entries) expect(Math.abs((shares.get(name) ?? NaN) - (whole * weight) / total)).toBeLessThan(1);
      expect(new Map(apportion(whole, new Map(entries.toReversed())))).toEqual(shares);
    }));
  });
});
