/**
 * The chunks of one call that are begun and not yet in the chunk index, in order, and the cursor that follows from them.
 *
 * Invariants:
 * L1. Everything before `low` is published, and its rows were written: the index is never behind the cursor.
 * L2. `low` is the start of the first chunk that is not in the index, or the position of the reading where there is none.
 * L3. Rows leave in the order of the chunks, each once.
 */
import type { Ended, MergeCursor, OpenChunk, Position } from '../contracts/cursor.ts';
import type { ChunkRow } from '../contracts/records.ts';
import type { Requests, Tally } from '../contracts/tally.ts';
import { addRequests } from '../contracts/tally.ts';
import { subtractEnded, tallyWithEnded } from '../core/ended.ts';
import type { ChunkWriter } from './chunk-writer.ts';

/** Open uploads that a cursor holds, so that it stays under 1 KiB. */
export const CURSOR_UPLOADS = 4;

/** Where the reading is: the next byte to come, the number of the chunk it would begin, and what ended before it. */
export interface ReadingPoint { readonly at: Position; readonly chunk: number; readonly ended: Ended }

export interface LedgerOptions {
  readonly base: Tally;
  /** Requests and retries of this call so far, beside those in `base`. */
  readonly counts: () => { readonly requests: Requests; readonly retries: number };
  readonly dirOf: (group: number) => string;
}

export class Ledger {
  readonly #options: LedgerOptions;
  readonly #chunks: ChunkWriter[] = [];
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
    return this.#chunks.reduce((count, writer) => count + (writer.published ? 0 : 1), 0);
  }

  begin(writer: ChunkWriter): void {
    this.#chunks.push(writer);
  }

  /** Takes back the newest chunk, of which nothing was sent. */
  forget(writer: ChunkWriter): void {
    if (this.#chunks.at(-1) !== writer) throw new Error('only the newest chunk can be taken back');
    this.#chunks.pop();
  }

  /** Rows of the published chunks that no unpublished one precedes. They stay until `indexed`. */
  publishedRows(): ChunkRow[] {
    const rows: ChunkRow[] = [];
    for (const writer of this.#chunks) {
      if (!writer.published) break;
      const { options: { group, chunk, object, start }, lines, bytes, end, published } = writer;
      rows.push({
        key: object.key, group, dir: this.#options.dirOf(group), chunk, lines, bytes, crc32: published.crc32, etag: published.etag,
        start: [start.row, start.offset], end: [end.row, end.offset],
      });
    }
    return rows;
  }

  /** The first `count` chunks are in the index now. */
  indexed(count: number): void {
    for (const writer of this.#chunks.splice(0, count)) {
      this.#lines += writer.lines;
      this.#bytes += writer.bytes;
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

  /** @param without a chunk whose upload is not to be carried on */
  cursor(reading: ReadingPoint, done: boolean, without: ChunkWriter | null = null): MergeCursor {
    const first = this.#chunks[0];
    const { base, counts } = this.#options;
    const { requests, retries } = counts();
    const ended = first ? first.options.endedAtStart : reading.ended;
    const counted = tallyWithEnded(base, ended);
    const open: OpenChunk[] = [];
    for (const writer of this.#chunks) {
      const entry = writer === without ? null : writer.open(subtractEnded);
      if (entry && open.length < CURSOR_UPLOADS) open.push(entry);
    }
    return {
      v: 1,
      low: first ? first.options.start : reading.at,
      chunk: first ? first.options.chunk : reading.chunk,
      tally: {
        ...counted, lines: counted.lines + this.#lines, chunks: counted.chunks + this.#count, chunkBytes: counted.chunkBytes + this.#bytes,
        requests: addRequests(counted.requests, requests), retries: counted.retries + retries,
      },
      open,
      done,
    };
  }
}
