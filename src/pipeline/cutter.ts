/**
 * Counts and cuts: takes the bytes of sources in order, and gives each chunk exactly its own. Newlines are counted in place;
 * only where a boundary falls inside a piece is the newline searched.
 *
 * Invariants:
 * C1. A chunk begins with its first byte, so there is never an empty one; it ends after a line end.
 * C2. A source that lacks its final newline gets one; nothing else is added or left out.
 * C3. A broken source leaves its complete lines and nothing more.
 * C4. What ended before a position are the sources of the rows before it: `#at` and `#ended` move together.
 */
import { TributaryError } from '../contracts/errors.ts';
import type { Position } from '../contracts/cursor.ts';
import type { MergeSpec } from '../contracts/merge.ts';
import { addEnded, withSource, type Defect, type Ended } from '../core/ended.ts';
import type { LineScanner } from '../core/lines.ts';
import type { ChunkWriter, Mark } from './chunk-writer.ts';
import { HOT_BYTES, type Block } from './landing.ts';
import type { ReadingPoint } from './ledger.ts';
import type { Packer } from './packer.ts';
import type { SourceStretch } from './reading-list.ts';
import { Restart } from './restart.ts';
import type { Piece } from './slab.ts';
import type { AdoptedChunk } from './uploads.ts';
import type { Delay } from './waiting.ts';

export interface CutterPorts {
  /** Makes the writer of a chunk that begins now; waits while too many are in flight. */
  readonly begin: (group: number, chunk: number, start: Position, endedAtStart: Ended) => Promise<ChunkWriter>;
  /** The writer of a chunk that is carried on. */
  readonly adopted: (adopted: AdoptedChunk, endedAtStart: Ended) => Promise<ChunkWriter>;
  /** Takes back a writer of which nothing was sent. */
  readonly forget: (writer: ChunkWriter) => void;
  /** Hands a newline on, in a piece. */
  readonly newline: (take: (piece: Piece) => Delay) => Delay;
}

/** What is left of a source that broke. */
export interface Remains {
  /** Bytes of its complete lines. */
  readonly keep: number;
  /** Bytes that had been read of it. */
  readonly readBytes: number;
  /** Whether some of the broken line was sent already, so that its chunk has to be written again once the record of the failure holds. */
  readonly isSent: boolean;
}

export class Cutter {
  readonly #chunk: MergeSpec['chunk'];
  readonly #scanner: LineScanner;
  readonly #ports: CutterPorts;
  #writer: ChunkWriter | null = null;
  #group: number;
  #nextChunk: number;
  #at: Position;
  #ended: Ended;
  #stretch: SourceStretch | null = null;
  /** Offset in the source of the next byte that arrives; those before `stretch.from` are passed over. */
  #arriving = 0;
  /** Bytes since the last line end of this source. */
  #tail = 0;
  /** Where the writer was before this stretch. */
  #before: Mark | null = null;

  constructor(chunk: MergeSpec['chunk'], scanner: LineScanner, start: ReadingPoint, ports: CutterPorts) {
    this.#chunk = chunk;
    this.#scanner = scanner;
    this.#ports = ports;
    this.#group = start.at.group;
    this.#nextChunk = start.chunk;
    this.#at = start.at;
    this.#ended = start.ended;
  }

  get point(): ReadingPoint {
    return { at: this.#at, chunk: this.#nextChunk, ended: this.#ended };
  }

  /** The chunk that the next byte goes to. */
  get forming(): { readonly group: number; readonly chunk: number } {
    return { group: this.#group, chunk: this.#writer?.options.chunk ?? this.#nextChunk };
  }

  /** Bytes of the current source that have arrived, those included that were passed over. */
  get arrivedBytes(): number {
    return this.#arriving;
  }

  /** Whether the current stretch has all that is wanted of it, although more may arrive. */
  get isSatisfied(): boolean {
    const to = this.#stretch?.to ?? null;
    return to !== null && this.#at.offset >= to;
  }

  /** Goes on after the acknowledged parts of a chunk. @throws Restart where the chunks before it do not end at its start */
  async jump(adopted: AdoptedChunk): Promise<void> {
    const { open } = adopted;
    this.#endGroupBefore(open.start.group);
    if (this.#writer || this.#nextChunk !== open.chunk) throw new Restart('jump', `chunk ${open.chunk} begins elsewhere, because of a source that broke`, open);
    const writer = await this.#ports.adopted(adopted, this.#ended);
    this.#ended = addEnded(this.#ended, adopted.ended);
    this.#at = open.at;
    this.#nextChunk = open.chunk + 1;
    this.#tail = open.tail;
    if (open.closed) writer.finish();
    else this.#writer = writer;
  }

  /** @param firstOffset source offset of the first byte that will arrive */
  begin(stretch: SourceStretch, firstOffset: number): void {
    this.#endGroupBefore(stretch.group);
    // Only a position of an open chunk lies inside a line; there the reading goes on right behind it.
    if (this.#at.row !== stretch.row || this.#at.offset !== stretch.from) this.#tail = 0;
    this.#stretch = stretch;
    this.#arriving = firstOffset;
    this.#at = { group: stretch.group, row: stretch.row, offset: stretch.from };
    this.#before = this.#writer?.mark ?? null;
  }

  /** Which of the next `sizeBytes` are wanted: they lie in `[from, to)` of them. */
  wanted(sizeBytes: number): { readonly from: number; readonly to: number } {
    const { from, to } = this.#current();
    const within = (offset: number): number => Math.min(sizeBytes, Math.max(0, offset - this.#arriving));
    return { from: within(from), to: to === null ? sizeBytes : within(to) };
  }

  /** Bytes arrive that are not wanted, and are let go. */
  passOver(sizeBytes: number): void {
    this.#arriving += sizeBytes;
  }

  /** Takes over the piece's reference. */
  append(piece: Piece): Delay {
    const sizeBytes = piece.end - piece.start;
    const { from, to } = this.wanted(sizeBytes);
    this.#arriving += sizeBytes;
    if (from < to) return this.#take({ ...piece, start: piece.start + from, end: piece.start + to });
    piece.slot.release();
    return undefined;
  }

  /** The stretch has ended: where the source ends with it, so does its last line. */
  end(): Delay {
    const { ends, record, sizeBytes } = this.#current();
    const over = (): void => {
      if (ends) this.#pass(sizeBytes, record);
      this.#stretch = null;
    };
    const newline = ends && !record && this.#tail > 0 ? this.#ports.newline((piece) => this.#take(piece)) : undefined;
    if (newline) return newline.then(over);
    over();
    return undefined;
  }

  /** The source breaks here: what follows its last line end is taken back, where none of it was sent. */
  takeBack(): Remains {
    const { from } = this.#current();
    const readBytes = Math.max(this.#arriving, this.#at.offset);
    const keep = this.#at.offset - this.#tail;
    const writer = this.#writer;
    if (this.#tail === 0) return { keep, readBytes, isSent: false };
    if (!writer) throw new TributaryError('TRB-INTERNAL', 'a broken line belongs to no chunk');
    if (this.#tail > writer.formingBytes) return { keep, readBytes, isSent: true };
    const { lines, bytes, ended } = writer.mark;
    const before = keep > from ? null : this.#before;
    writer.truncate(before ?? { at: { ...this.#at, offset: keep }, lines, bytes: bytes - this.#tail, tail: 0, ended });
    this.#at = { ...this.#at, offset: keep };
    this.#tail = 0;
    if (writer.mark.bytes === 0) {
      this.#ports.forget(writer);
      this.#writer = null;
      this.#nextChunk = writer.options.chunk;
    }
    return { keep, readBytes, isSent: false };
  }

  /** What is left of a broken source, of which nothing was sent, is made to lie close. @throws what the packer throws while it waits for a slot */
  async tidy(packer: Packer): Promise<void> {
    await this.#writer?.tidy(packer);
  }

  /** The broken source is over, with its record written. */
  giveUp(defect: Defect): void {
    this.#pass(this.#current().sizeBytes, defect);
    this.#stretch = null;
  }

  /** Every group before `group` was read. */
  finish(group: number): void {
    this.#endGroupBefore(group);
    this.#at = { group, row: 0, offset: 0 };
  }

  #current(): SourceStretch {
    if (!this.#stretch) throw new TributaryError('TRB-INTERNAL', 'bytes arrived outside a source');
    return this.#stretch;
  }

  #pass(sizeBytes: number, defect: Defect | null): void {
    this.#ended = withSource(this.#ended, sizeBytes, defect);
    this.#at = { ...this.#at, row: this.#at.row + 1, offset: 0 };
    this.#tail = 0;
  }

  #endGroupBefore(group: number): void {
    if (group === this.#group) return;
    this.#writer?.finish();
    this.#writer = null;
    this.#group = group;
    this.#nextChunk = 0;
  }

  /** Takes over the piece's reference, whatever happens. */
  #take(piece: Piece): Delay {
    let isTaken = true;
    try {
      const start = this.#cut(piece, piece.start);
      isTaken = start === piece.end;
      return isTaken ? undefined : this.#takeRest(piece, start);
    } finally {
      if (isTaken) piece.slot.release();
    }
  }

  async #takeRest(piece: Piece, from: number): Promise<void> {
    try {
      for (let start = from; start < piece.end; start = this.#cut(piece, start)) if (!this.#writer) await this.#open();
    } finally {
      piece.slot.release();
    }
  }

  /** Gives chunks what is theirs of `[from, piece.end)`. @returns where another one has to begin, or the end */
  #cut(piece: Piece, from: number): number {
    let start = from;
    for (let writer = this.#writer; writer && start < piece.end; writer = this.#writer) {
      const { step, known } = nextStep(piece, start, start + writer.roomBytes);
      const { cut, lines } = this.#measure(writer.mark, start, step, known);
      const end = cut ?? step;
      this.#move(start, end);
      piece.slot.retain();
      const mark = { at: this.#at, lines: writer.mark.lines + lines, bytes: writer.mark.bytes + (end - start), tail: this.#tail, ended: this.#ended };
      writer.push({ slot: piece.slot, bytes: piece.bytes, start, end }, mark, cut === null ? known?.crc32 : undefined);
      start = end;
      if (cut !== null) {
        this.#writer = null;
        writer.finish();
      } else if (writer.roomBytes === 0) {
        writer.closePart();
      }
    }
    return start;
  }

  async #open(): Promise<void> {
    this.#writer = await this.#ports.begin(this.#group, this.#nextChunk, this.#at, this.#ended);
    this.#nextChunk += 1;
  }

  /** Lines in `[start, end)`, and where the chunk ends inside it, if it does. */
  #measure(chunk: Mark, start: number, end: number, known: Block | undefined): { readonly cut: number | null; readonly lines: number } {
    const scanner = this.#scanner;
    const count = (): number => known?.lines ?? scanner.count(start, end);
    if ('lines' in this.#chunk) {
      const wanted = this.#chunk.lines - chunk.lines;
      const lines = count();
      return lines < wanted ? { cut: null, lines } : { cut: scanner.nth(start, end, wanted), lines: wanted };
    }
    /** Bytes that the chunk takes before a line end may be its last. */
    const before = Math.max(0, this.#chunk.bytes - 1 - chunk.bytes);
    const cut = before < end - start ? scanner.nth(start + before, end, 1) : -1;
    return cut === -1 ? { cut: null, lines: count() } : { cut, lines: scanner.count(start, cut) };
  }

  #move(start: number, end: number): void {
    this.#at = { ...this.#at, offset: this.#at.offset + (end - start) };
    const lineEnd = this.#scanner.last(start, end);
    this.#tail = lineEnd === -1 ? this.#tail + (end - start) : end - lineEnd;
  }
}

/** How far to look next: up to `limit`, and over a block that is known already, or else up to where one begins. */
function nextStep(piece: Piece, start: number, limit: number): { readonly step: number; readonly known: Block | undefined } {
  const end = Math.min(piece.end, limit);
  const block = piece.landing?.next(start);
  if (block?.start === start && block.end <= end) return { step: block.end, known: block };
  const border = !block ? end : block.start > start ? block.start : block.end;
  return { step: Math.min(end, border, start + HOT_BYTES), known: undefined };
}
