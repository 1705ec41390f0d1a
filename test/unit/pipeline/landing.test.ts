import { describe, expect, it } from '@jest/globals';
import { crc32 } from '@node-rs/crc32';
import fc from 'fast-check';
import { countLines, createLineScanner } from '../../../src/core/lines.ts';
import { HOT_BYTES, Landing, type Block } from '../../../src/pipeline/landing.ts';

const START = 1000;
const LENGTH_BYTES = HOT_BYTES * 5;

interface Landed { readonly landing: Landing; readonly memory: Buffer }

function createLanding(): Landed & { write(start: number, end: number, seed: number): void } {
  const wasm = new WebAssembly.Memory({ initial: 32, maximum: 32 });
  const memory = Buffer.from(wasm.buffer);
  const landing = new Landing({ bytes: memory, start: START, end: START + LENGTH_BYTES }, createLineScanner(wasm));
  return {
    landing, memory,
    write: (start, end, seed) => {
      for (let at = start; at < end; at += 1) memory[at] = (at * seed) % 17 === 0 ? 0x0a : at + seed;
      landing.landed(start, end);
    },
  };
}

function blocksOf({ landing }: Landed): Block[] {
  const blocks: Block[] = [];
  for (let block = landing.next(START); block; block = landing.next(block.end)) blocks.push(block);
  return blocks;
}

/** Every block is true, they ascend, and none overlaps another. */
function expectTrue({ memory }: Landed, blocks: readonly Block[]): void {
  let reached = START;
  for (const block of blocks) {
    expect(block.start).toBeGreaterThanOrEqual(reached);
    const bytes = memory.subarray(block.start, block.end);
    expect(block).toEqual({ start: block.start, end: block.end, lines: countLines(bytes), crc32: crc32(bytes) });
    reached = block.end;
  }
  expect(reached).toBeLessThanOrEqual(START + LENGTH_BYTES);
}

describe('bytes that land', () => {
  it('in order are known to the last one, in blocks that fit the cache', () => {
    fc.assert(fc.property(fc.array(fc.integer({ min: 1, max: HOT_BYTES }), { minLength: 1, maxLength: 60 }), (steps) => {
      const landed = createLanding();
      let at = START;
      for (let step = 0; at < START + LENGTH_BYTES; step += 1) {
        const end = Math.min(at + (steps[step % steps.length] ?? 1) + 1000, START + LENGTH_BYTES);
        landed.write(at, end, 3);
        at = end;
      }
      const blocks = blocksOf(landed);
      expectTrue(landed, blocks);
      expect(blocks.reduce((sum, { start, end }) => sum + end - start, 0)).toBe(LENGTH_BYTES);
      for (const { start, end } of blocks.slice(0, -1)) expect(end - start).toBeGreaterThanOrEqual(HOT_BYTES);
    }), { numRuns: 30 });
  });

  it('once more, from anywhere, are known as they are then', () => {
    const write = fc.record({ from: fc.double({ min: 0, max: 1, noNaN: true }), bytes: fc.integer({ min: 1, max: HOT_BYTES * 2 }), goesOn: fc.boolean() });
    fc.assert(fc.property(fc.array(write, { minLength: 1, maxLength: 25 }), (writes) => {
      const landed = createLanding();
      let reached = START;
      for (const [number, { from, bytes, goesOn }] of writes.entries()) {
        const start = goesOn ? reached : START + Math.floor((reached - START) * from);
        const end = Math.min(start + bytes, START + LENGTH_BYTES);
        if (start === end) continue;
        landed.write(start, end, number + 3);
        reached = end;
      }
      expectTrue(landed, blocksOf(landed));
    }), { numRuns: 60 });
  });
});
