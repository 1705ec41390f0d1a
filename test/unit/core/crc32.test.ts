import { crc32 } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { combineCrc32 } from '../../../src/core/crc32.ts';

describe('combineCrc32', () => {
  it('gives the CRC32 of the concatenation', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 2000 }), fc.uint8Array({ maxLength: 2000 }), (a, b) => {
      expect(combineCrc32(crc32(a), crc32(b), b.length)).toBe(crc32(Buffer.concat([a, b])));
    }), { numRuns: 500 });
  });

  it('adds up over many pieces, empty ones included', () => {
    fc.assert(fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 }), (pieces) => {
      const combined = pieces.reduce((crc, piece) => combineCrc32(crc, crc32(piece), piece.length), 0);
      expect(combined).toBe(crc32(Buffer.concat(pieces)));
    }));
  });

  it('holds for every length up to 2^53', () => {
    const digest = crc32('tributary');
    let crcOfZeros = crc32(Buffer.alloc(1));
    for (let length = 1; length < 2 ** 53; length *= 2) {
      if (length === 2 ** 22) expect(crcOfZeros).toBe(crc32(Buffer.alloc(length)));
      const inTwoSteps = combineCrc32(combineCrc32(digest, crcOfZeros, length), crcOfZeros, length);
      crcOfZeros = combineCrc32(crcOfZeros, crcOfZeros, length);
      expect(combineCrc32(digest, crcOfZeros, length * 2)).toBe(inTwoSteps);
    }
  });
});
