/**
 * Counting newlines (0x0A) and finding them, on raw bytes. In a `WebAssembly.Memory` it is done in place by SIMD, at 20 to 30 GB/s;
 * for buffers elsewhere there are plain functions, an order of magnitude slower on short lines.
 */
import { LINES_WASM_BASE64 } from './lines-wasm.ts';

/** All offsets are byte offsets into the memory, and ranges are half open. A range beyond the memory's end throws a RuntimeError. */
export interface LineScanner {
  /** How many newlines are in `[start, end)`. */
  count(start: number, end: number): number;
  /** The offset after the `n`-th newline (from 1) of `[start, end)`, or -1 where there are fewer. */
  nth(start: number, end: number, n: number): number;
  /** The offset after the last newline of `[start, end)`, or -1 where there is none. */
  last(start: number, end: number): number;
}

/**
 * A scanner over one memory of up to 4 GiB. Nothing is copied, and the memory may grow afterwards.
 * Compiling takes about a millisecond: make one scanner for a memory and keep it.
 */
export function createLineScanner(memory: WebAssembly.Memory): LineScanner {
  const module = new WebAssembly.Module(Buffer.from(LINES_WASM_BASE64, 'base64'));
  // The bytes are our own: that they export exactly these three functions is tested with them.
  return new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as LineScanner;
}

/** How many newlines are in `bytes`. */
export function countLines(bytes: Uint8Array): number {
  const buffer = asBuffer(bytes);
  let count = 0;
  for (let at = buffer.indexOf(LF); at !== -1; at = buffer.indexOf(LF, at + 1)) count += 1;
  return count;
}

/** The offset after the `n`-th newline (from 1) of `bytes`, or -1 where there are fewer. */
export function nthLineEnd(bytes: Uint8Array, n: number): number {
  const buffer = asBuffer(bytes);
  let left = n;
  for (let at = buffer.indexOf(LF); at !== -1; at = buffer.indexOf(LF, at + 1)) {
    left -= 1;
    if (left === 0) return at + 1;
  }
  return -1;
}

/** The offset after the last newline of `bytes`, or -1 where there is none. */
export function lastLineEnd(bytes: Uint8Array): number {
  const at = asBuffer(bytes).lastIndexOf(LF);
  return at === -1 ? -1 : at + 1;
}

const LF = 0x0a;

/** `Buffer.indexOf` is several times faster than that of Uint8Array on the same bytes. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
