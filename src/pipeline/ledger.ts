/**
 * The chunks of one attempt that are begun and not yet in the chunk index, in order, and the cursor that follows from them.
 *
 * Invariants:
 * L1. Everything before `low` is published, and its rows were written: the index is never behind the cursor.
 * L2. `low` is the start of the first chunk that is not in the index, or the position of the reading where there is none.
 * L3. Rows leave in the order of the chunks, each once.
 * L4. A cursor is at most `CURSOR_BYTES` long.
 */
import type { MergeCursor, OpenChunk, Position } from '../contracts/cursor.ts';
import type { ChunkRow } from '../contracts/records.ts';
import { addRequests, type Requests, type Tally } from '../contracts/tally.ts';
import { defectsSince, tallyWithEnded, type Ended } from '../core/ended.ts';
import type { ChunkWriter } from './chunk-writer.ts';

const CURSOR_BYTES = 1024;
const CURSOR_CHUNKS = 4;

/** Where the reading is: the next byte to come, the number of the chunk it would begin, and what ended before it. */
export interface ReadingPoint { readonly at: Position; readonly chunk: number; readonly ended: Ended }

export interface LedgerOptions {
  readonly base: Tally;
  /** Requests and retries of this attempt so far, beside those in `base`. */
  readonly counts: () => { readonly requests: Requests; readonly retries: number };
  readonly dirOf: (group: number) => string;
}

export class Ledger {
  readonly #options: LedgerOptions;
  readonly #chunks: ChunkWriter[] = [];
  /** Kept, not counted: it is asked for at each new chunk, beside up to 2,048 that wait for the index (measured, decision 22). */
  #unpublished = 0;
  #lines = 0;
  #count = 0;
  #bytes = 0;

  constructor(options: LedgerOptions) {
    this.#options = options;
  }

  /** Chunks that are begun and not in the index. */
  get size(): number {
    return this.#chunks.length;
  }

  /** Of these, the ones that are not published. */
  get unpublished(): number {
    return this.#unpublished;
  }

  begin(writer: ChunkWriter): void {
    this.#chunks.push(writer);
    this.#unpublished += 1;
  }

  /** One of them was published. */
  published(): void {
    this.#unpublished -= 1;
  }

  /** Takes back the newest chunk, of which nothing was sent. */
  forget(writer: ChunkWriter): void {
    if (this.#chunks.at(-1) !== writer) throw new Error('only the newest chunk can be taken back');
    this.#chunks.pop();
    this.#unpublished -= 1;
  }

  /** Rows of the published chunks that no unpublished one precedes. They stay until `indexed`. */
  publishedRows(): ChunkRow[] {
    const rows: ChunkRow[] = [];
    for (const { published, mark: { at, lines, bytes, ended }, options: { group, chunk, object, start, endedAtStart } } of this.#chunks) {
      if (!published) break;
      rows.push({
        key: object.key, group, dir: this.#options.dirOf(group), chunk, lines, bytes, crc32: published.crc32, etag: published.etag,
        start: [start.row, start.offset], end: [at.row, at.offset], defects: defectsSince(endedAtStart, ended),
      });
    }
    return rows;
  }

  /** The first `count` chunks are in the index now. */
  indexed(count: number): void {
    for (const { mark } of this.#chunks.splice(0, count)) {
      this.#lines += mark.lines;
      this.#bytes += mark.bytes;
      this.#count += 1;
    }
  }

  /** Resolves when nothing of any chunk is in flight. */
  async settled(): Promise<void> {
    await Promise.all(this.#chunks.map((writer) => writer.settled()));
  }

  /** Lets go of the bytes that are not on their way. */
  discard(): void {
    for (const writer of this.#chunks) writer.discard();
  }

  /** @param ahead chunks that the reading has not reached, and that are carried on when it does */
  cursor(reading: ReadingPoint, done: boolean, ahead: readonly OpenChunk[]): MergeCursor {
    const first = this.#chunks[0];
    const { base, counts } = this.#options;
    const { requests, retries } = counts();
    const counted = tallyWithEnded(base, first ? first.options.endedAtStart : reading.ended);
    const cursor: MergeCursor = {
      v: 1,
      low: first ? first.options.start : reading.at,
      chunk: first ? first.options.chunk : reading.chunk,
      tally: {
        ...counted, lines: counted.lines + this.#lines, chunks: counted.chunks + this.#count, chunkBytes: counted.chunkBytes + this.#bytes,
        requests: addRequests(counted.requests, requests), retries: counted.retries + retries,
      },
      open: [],
      done,
    };
    const open = this.#chunks.map((writer) => writer.open()).filter((chunk) => chunk !== null);
    return { ...cursor, open: fitting([...open, ...ahead], CURSOR_BYTES - JSON.stringify(cursor).length) };
  }
}

/** Of the open chunks those with the most bytes to lose, in order. The others are found again by their keys. */
function fitting(open: readonly OpenChunk[], roomBytes: number): OpenChunk[] {
  const chosen = new Set<OpenChunk>();
  let left = roomBytes;
  for (const chunk of [...open].sort((a, b) => b.bytes - a.bytes).slice(0, CURSOR_CHUNKS)) {
    left -= JSON.stringify(chunk).length + 1;
    if (left >= 0) chosen.add(chunk);
  }
  return open.filter((chunk) => chosen.has(chunk));
}
