import { describe, expect, it } from '@jest/globals';
import { ratioOf, spreadOf } from '../../../bench/statistics.ts';

describe('what rounds are summed up to', () => {
  it('is the middle one, and the mean of the two middle ones of an even number', () => {
    expect(spreadOf([9, 1, 4])).toEqual({ min: 1, median: 4, max: 9 });
    expect(spreadOf([9, 1, 4, 6])).toEqual({ min: 1, median: 5, max: 9 });
    expect(spreadOf([3])).toEqual({ min: 3, median: 3, max: 3 });
  });

  it('is nothing where nothing was measured', () => {
    expect(() => spreadOf([])).toThrow('nothing');
  });

  it('does not change what was measured', () => {
    const rounds = [3, 1, 2];
    spreadOf(rounds);
    expect(rounds).toEqual([3, 1, 2]);
  });
});

describe('a ratio', () => {
  it('is that of the medians, between those of single rounds', () => {
    // By rounds: 2, 0.5 and 4.
    expect(ratioOf([2, 10, 8], [1, 20, 2])).toEqual({ min: 0.5, median: 4, max: 4 });
  });
});
