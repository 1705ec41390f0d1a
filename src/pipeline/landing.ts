/**
 * Counts and sums the bytes of one piece as they land, while they are in the cache of the core that received them: to fetch them
 * back later costs three times what counting does. It owns what it found out.
 *
 * Invariants:
 * L1. A block tells of bytes as they lie there: what is written once more is dropped, and looked at again.
 * L2. Blocks ascend and do not overlap. There may be gaps; whoever needs those bytes looks at them.
 */
import { crc32 } from '@node-rs/crc32';
import type { LineScanner } from '../core/lines.ts';
import type { Piece } from './slab.ts';

/** Bytes that are counted and summed in one go: what fits the cache of a core. */
export const HOT_BYTES = 256 * 1024;

/** What is known of bytes `[start, end)` of the slab's memory. */
export interface Block {
  readonly start: number;
  readonly end: number;
  readonly lines: number;
  readonly crc32: number;
}

export class Landing {
  readonly #scanner: LineScanner;
  readonly #bytes: Uint8Array;
  readonly #end: number;
  readonly #blocks: Block[] = [];
  /** What has landed and is in no block yet. */
  #from: number;
  #to: number;
  #passed = 0;

  constructor({ bytes, start, end }: Omit<Piece, 'slot'>, scanner: LineScanner) {
    this.#scanner = scanner;
    this.#bytes = bytes;
    this.#end = end;
    this.#from = this.#to = start;
  }

  /** Bytes `[start, end)` of the memory were written just now. */
  readonly landed = (start: number, end: number): void => {
    if (start !== this.#to) {
      while ((this.#blocks.at(-1)?.end ?? 0) > start) this.#blocks.pop();
      this.#from = start;
    }
    this.#to = end;
    if (end - this.#from >= HOT_BYTES || end === this.#end) this.#close();
  };

  /** The first block that ends behind `start`. To be asked in ascending order, once everything has landed. */
  next(start: number): Block | undefined {
    for (;;) {
      const block = this.#blocks[this.#passed];
      if (!block || block.end > start) return block;
      this.#passed += 1;
    }
  }

  #close(): void {
    const start = this.#from;
    const end = this.#from = this.#to;
    if (start < end) this.#blocks.push({ start, end, lines: this.#scanner.count(start, end), crc32: crc32(this.#bytes.subarray(start, end)) });
  }
}
