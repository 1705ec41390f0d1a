import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { halfwayGroup } from '../../../src/core/split-cursor.ts';

const small = (objects: number) => ({ objects, bytes: objects * 1000 });

describe('halfwayGroup', () => {
  it.each([
    ['nothing', [], 0, null], ['one group', [5], 0, null], ['one group of many', [5, 5, 5], 2, null],
    ['two groups', [5, 5], 0, 0], ['two groups, the first large', [50, 5], 0, 0], ['two groups, the last large', [5, 50], 0, 0],
    ['four alike', [5, 5, 5, 5], 0, 1], ['four alike, of which one is done', [5, 5, 5, 5], 1, 2], ['a large one in front', [90, 5, 5, 5, 5], 0, 0], ['a large one behind', [5, 5, 5, 5, 90], 0, 3],
  ])('of %s is the last group of the first half', (_, objects, from, expected) => {
    expect(halfwayGroup(objects.map(small), from, objects.length)).toBe(expected);
  });

  it('counts objects as well as bytes', () => {
    expect(halfwayGroup([{ objects: 1, bytes: 1000 }, { objects: 500, bytes: 10 }, { objects: 500, bytes: 10 }, { objects: 1, bytes: 1000 }], 0, 4)).toBe(1);
  });

  it('leaves alone what somebody else has', () => {
    expect(halfwayGroup([5, 5, 5, 5, 500].map(small), 0, 4)).toBe(1);
  });

  it('leaves each half a group, and differs by one group at most', () => {
    fc.assert(fc.property(fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 2, maxLength: 30 }), fc.nat(), (objects, seed) => {
      const from = seed % (objects.length - 1);
      const last = halfwayGroup(objects.map(small), from, objects.length) ?? NaN;
      expect(last).toBeGreaterThanOrEqual(from);
      expect(last).toBeLessThan(objects.length - 1);
      const sum = (some: readonly number[]): number => some.reduce((total, one) => total + one, 0);
      expect(Math.abs(sum(objects.slice(from, last + 1)) - sum(objects.slice(last + 1)))).toBeLessThanOrEqual(Math.max(...objects.slice(from)));
    }));
  });
});
