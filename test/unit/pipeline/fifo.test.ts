import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Fifo } from '../../../src/pipeline/fifo.ts';

describe('a queue', () => {
  it('gives in order what was put in, as an array does', () => {
    fc.assert(fc.property(fc.array(fc.oneof(fc.constant('shift' as const), fc.constant('replace' as const), fc.nat())), (steps) => {
      const fifo = new Fifo<number>();
      const array: number[] = [];
      for (const step of steps) {
        if (step === 'shift') {
          expect(fifo.shift()).toBe(array.shift());
        } else if (step === 'replace') {
          if (array.length === 0) continue;
          array[0] = -1;
          fifo.replace(-1);
        } else {
          array.push(step);
          fifo.push(step);
        }
        expect([fifo.length, fifo.head]).toEqual([array.length, array[0]]);
      }
    }));
  });
});
