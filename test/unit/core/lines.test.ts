import { readFile } from 'node:fs/promises';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import wabt from 'wabt';
import { LINES_WASM_BASE64 } from '../../../src/core/lines-wasm.ts';
import { countLines, createLineScanner, lastLineEnd, nthLineEnd } from '../../../src/core/lines.ts';

const PAGE = 65536;

/** The same answers, one byte at a time. */
function naive(bytes: Uint8Array, start: number, end: number): { count: number; ends: number[] } {
  const ends: number[] = [];
  for (let at = start; at < end; at += 1) if (bytes[at] === 0x0a) ends.push(at + 1);
  return { count: ends.length, ends };
}

/** Bytes in which newlines are common, and neighbours of 0x0A as likely as it is. */
const bytes = fc.array(fc.oneof({ weight: 2, arbitrary: fc.constant(0x0a) }, { weight: 3, arbitrary: fc.integer({ min: 0, max: 255 }) }), { maxLength: 700 })
  .map((list) => Uint8Array.from(list));

describe('the WASM line scanner', () => {
  it('is assembled from lines.wat', async () => {
    const source = await readFile(new URL('../../../src/core/lines.wat', import.meta.url), 'utf8');
    const module = (await wabt()).parseWat('lines.wat', source, { simd: true });
    expect(Buffer.from(module.toBinary({}).buffer).toString('base64')).toBe(LINES_WASM_BASE64);
  });

  it('agrees with a byte loop on every range at every alignment', () => {
    const memory = new WebAssembly.Memory({ initial: 1 });
    const scanner = createLineScanner(memory);
    const view = new Uint8Array(memory.buffer);
    fc.assert(fc.property(bytes, fc.nat({ max: 80 }), fc.nat({ max: 80 }), fc.nat({ max: 80 }), (content, at, skip, drop) => {
      view.fill(0x0a);
      view.set(content, at);
      const start = at + Math.min(skip, content.length);
      const end = Math.max(start, at + content.length - drop);
      const { count, ends } = naive(view, start, end);
      expect(scanner.count(start, end)).toBe(count);
      expect(ends.map((_, index) => scanner.nth(start, end, index + 1))).toEqual(ends);
      expect(scanner.nth(start, end, count + 1)).toBe(-1);
      expect(scanner.last(start, end)).toBe(ends.at(-1) ?? -1);
    }), { numRuns: 300 });
  });

  it('counts more newlines than a byte counter holds, and to the last byte of the memory', () => {
    const memory = new WebAssembly.Memory({ initial: 3 });
    const scanner = createLineScanner(memory);
    new Uint8Array(memory.buffer).fill(0x0a);
    for (const length of [255, 256, 4031, 4032, 4033, 65535, 3 * PAGE]) {
      expect(scanner.count(3 * PAGE - length, 3 * PAGE)).toBe(length);
      expect(scanner.nth(3 * PAGE - length, 3 * PAGE, length)).toBe(3 * PAGE);
    }
    expect(() => scanner.count(3 * PAGE - 10, 3 * PAGE + 1)).toThrow('out of bounds');
  });

  it('reaches past 2 GiB to the end of 4 GiB', () => {
    const memory = new WebAssembly.Memory({ initial: 65536 });
    const scanner = createLineScanner(memory);
    const view = new Uint8Array(memory.buffer);
    const top = 2 ** 32;
    for (const at of [2 ** 31 - 1, 2 ** 31, top - 200, top - 1]) view[at] = 0x0a;
    expect(scanner.count(2 ** 31 - 150, 2 ** 31 + 150)).toBe(2);
    expect(scanner.nth(2 ** 31 - 150, 2 ** 31 + 150, 2)).toBe(2 ** 31 + 1);
    expect(scanner.count(top - 1000, top)).toBe(2);
    expect(scanner.nth(top - 1000, top, 2)).toBe(top);
    expect(scanner.last(top - 1000, top)).toBe(top);
    expect(scanner.last(top - 1000, top - 1)).toBe(top - 199);
  });
});

describe('the fallbacks for other buffers', () => {
  it('agree with a byte loop', () => {
    fc.assert(fc.property(bytes, fc.nat({ max: 80 }), (content, skip) => {
      const view = content.subarray(Math.min(skip, content.length));
      const { count, ends } = naive(view, 0, view.length);
      expect(countLines(view)).toBe(count);
      expect(ends.map((_, index) => nthLineEnd(view, index + 1))).toEqual(ends);
      expect(nthLineEnd(view, count + 1)).toBe(-1);
      expect(lastLineEnd(view)).toBe(ends.at(-1) ?? -1);
    }));
  });
});
