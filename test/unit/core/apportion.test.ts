import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { apportion } from '../../../src/core/apportion.ts';

describe('apportion', () => {
  it.each([
    [25, ['a', 'b'], { a: 13, b: 12 }], [4, ['c', 'a', 'b'], { a: 2, b: 1, c: 1 }], [1, ['b', 'a'], { a: 1, b: 0 }], [7, ['a'], { a: 7 }], [3, [], {}],
  ])('deals %d out among %j', (whole, names, shares) => {
    expect(Object.fromEntries(apportion(whole, names))).toEqual(shares);
  });

  it('deals out all there is, evenly, in whatever order the holders are named', () => {
    fc.assert(fc.property(fc.integer({ min: 0, max: 1000 }), fc.uniqueArray(fc.string(), { minLength: 1, maxLength: 20 }), (whole, names) => {
      const shares = apportion(whole, names);
      expect([...shares.values()].reduce((sum, share) => sum + share, 0)).toBe(whole);
      expect(Math.max(...shares.values()) - Math.min(...shares.values())).toBeLessThanOrEqual(1);
      expect(new Map(apportion(whole, names.toReversed()))).toEqual(shares);
    }));
  });
});
