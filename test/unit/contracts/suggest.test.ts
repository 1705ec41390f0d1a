import { describe, expect, it } from '@jest/globals';
import { didYouMean, nearest } from '../../../src/contracts/suggest.ts';

describe('nearest', () => {
  it.each([
    ['line', ['lines', 'bytes'], 'lines'],
    ['bugdet', ['budget'], 'budget'],
    ['LINES', ['bytes', 'lines'], 'lines'],
    ['a', ['b'], 'b'],
    ['colour', ['stores', 'memory', 'log'], undefined],
    ['x', [], undefined],
  ])('%s among %j is %s', (word, candidates, found) => {
    expect(nearest(word, candidates)).toBe(found);
  });

  it('is part of a sentence', () => {
    expect(didYouMean('line', ['lines'])).toBe('; did you mean lines?');
    expect(didYouMean('line', ['bytes'])).toBe('');
  });
});
