/**
 * Counts and cuts: takes the bytes of sources in order, and gives each chunk exactly its own. Newlines are counted in place;
 * only where a boundary falls inside a piece is the newline searched.
 *
 * Invariants:
 * C1. A chunk begins with its first byte, so there is never an empty one; it ends after a line end.
 * C2. A source that lacks its final newline gets one; nothing else is added or left out.
 * C3. A broken source leaves its complete lines and nothing more.
 */
import { TributaryError } from '../contracts/errors.ts';
import type { Ended, OpenChunk, Position } from '../contracts/cursor.ts';
import type { MergeSpec } from '../contracts/merge.ts';
import { addEnded, withSource } from '../core/ended.ts';
import { ChunkRestart, type ChunkWriter, type Mark } from './chunk-writer.ts';
import type { ReadingPoint } from './ledger.ts';
import type { SourceStretch } from './reading-list.ts';
import type { Piece, Slab } from './slab.ts';

const LF = 0x0a;

export interface CutterPorts {
  /** Makes the writer of a chunk that begins now; waits while too many are in flight. */
  readonly begin: (group: number, chunk: number, start: Position, endedAtStart: Ended) => Promise<ChunkWriter>;
  /** The writer of an upload that was adopted. */
  readonly adopted: (open: OpenChunk, endedAtStart: Ended) => Promise<ChunkWriter>;
  readonly finish: (writer: ChunkWriter, end: Position, endedAt: Ended) => void;
  readonly forget: (writer: ChunkWriter) => void;
  /** A piece that holds a single newline. */
  readonly newline: () => Promise<Piece>;
}

export class Cutter {
  readonly #chunk: MergeSpec['chunk'];
  readonly #slab: Slab;
  readonly #ports: CutterPorts;
  #writer: ChunkWriter | null = null;
  #group: number;
  #nextChunk: number;
  #at: Position;
  #ended: Ended;
  #stretch: SourceStretch | null = null;
  /** Offset in the source of the next byte that arrives; those before `stretch.from` are passed over. */
  #arriving = 0;
  #lastByte: number | null = null;
  /** Bytes since the last line end of this source, or null where it is not known: the reading began inside a line. */
  #tailBytes: number | null = 0;

  constructor(chunk: MergeSpec['chunk'], slab: Slab, start: ReadingPoint, ports: CutterPorts) {
    this.#chunk = chunk;
    this.#slab = slab;
    this.#ports = ports;
    this.#group = start.at.group;
    this.#nextChunk = start.chunk;
    this.#at = start.at;
    this.#ended = start.ended;
  }

  get point(): ReadingPoint {
    return { at: this.#at, chunk: this.#nextChunk, ended: this.#ended };
  }

  /** Goes on after the acknowledged parts of an adopted upload. */
  async jump(open: OpenChunk): Promise<void> {
    this.#endGroupBefore(open.start.group);
    const writer = await this.#ports.adopted(open, this.#ended);
    this.#ended = addEnded(this.#ended, open.ended);
    this.#at = open.at;
    this.#nextChunk = open.chunk + 1;
    if (open.closed) this.#ports.finish(writer, open.at, this.#ended);
    else this.#writer = writer;
    this.#tailBytes = open.closed ? 0 : null;
  }

  /** @param firstOffset source offset of the first byte that will arrive */
  begin(stretch: SourceStretch, firstOffset: number): void {
    this.#endGroupBefore(stretch.group);
    const goesOn = this.#at.row === stretch.row && this.#at.offset > 0 && stretch.from > 0;
    if (!goesOn) this.#tailBytes = 0;
    this.#stretch = stretch;
    this.#arriving = firstOffset;
    this.#lastByte = null;
    this.#at = { group: stretch.group, row: stretch.row, offset: stretch.from };
  }

  /** Takes over the piece's reference. */
  async append(piece: Piece): Promise<void> {
    const stretch = this.#current();
    const arrivedAt = this.#arriving;
    this.#arriving += piece.end - piece.start;
    if (piece.end > piece.start) this.#lastByte = piece.bytes[piece.end - 1] ?? null;
    const start = piece.start + Math.max(0, stretch.from - arrivedAt);
    const end = stretch.to === null ? piece.end : Math.min(piece.end, piece.start + Math.max(0, stretch.to - arrivedAt));
    if (start >= end) {
      piece.slot.release();
      return;
    }
    await this.#take({ ...piece, start, end });
  }

  /** The stretch has ended: where the source ends with it, so does its last line. */
  async end(): Promise<void> {
    const stretch = this.#current();
    this.#stretch = null;
    if (!stretch.ends) return;
    const { record } = stretch;
    // Where an earlier attempt acknowledged the added newline, the position is one past the source's last byte.
    const atLastByte = this.#at.offset === this.#arriving;
    if (!record && atLastByte && this.#lastByte !== null && this.#lastByte !== LF) await this.#take(await this.#ports.newline());
    this.#ended = withSource(this.#ended, record?.outcome ?? 'done', stretch.sizeBytes, record?.code);
    this.#passed(stretch);
  }

  /**
   * The source breaks here: what follows its last line end is taken back.
   * @returns how many of its bytes are kept, and how many had been read. `sent`: the broken line was sent in part already, so its
   *   chunk has to be written again once the record of the failure holds.
   * @throws ChunkRestart where the last line end is not known, because this reading began inside the broken line
   */
  takeBack(): { readonly keep: number; readonly readBytes: number; readonly sent: ChunkWriter | null } {
    const stretch = this.#current();
    const readBytes = Math.max(this.#arriving, this.#at.offset);
    const tailBytes = this.#tailBytes;
    const writer = this.#writer;
    if (tailBytes === 0) return { keep: this.#at.offset, readBytes, sent: null };
    if (!writer) throw new TributaryError('TRB-INTERNAL', 'a broken line belongs to no chunk');
    if (tailBytes === null) throw new ChunkRestart(writer, `the source of plan row ${stretch.row} broke inside a line that an earlier attempt began`);
    const keep = this.#at.offset - tailBytes;
    if (tailBytes > writer.formingBytes) return { keep, readBytes, sent: writer };
    writer.truncate(tailBytes);
    this.#at = { ...this.#at, offset: keep };
    this.#tailBytes = 0;
    if (writer.bytes === 0) {
      this.#ports.forget(writer);
      this.#writer = null;
      this.#nextChunk = writer.options.chunk;
    }
    return { keep, readBytes, sent: null };
  }

  /** The broken source is over, with its record written. */
  giveUp(outcome: 'failed' | 'partial', code: string): void {
    const stretch = this.#current();
    this.#stretch = null;
    this.#ended = withSource(this.#ended, outcome, stretch.sizeBytes, code);
    this.#passed(stretch);
  }

  /** Everything was read. */
  finish(groups: number): void {
    this.#endGroupBefore(groups);
    this.#at = { group: groups, row: 0, offset: 0 };
  }

  #current(): SourceStretch {
    if (!this.#stretch) throw new TributaryError('TRB-INTERNAL', 'bytes arrived outside a source');
    return this.#stretch;
  }

  #passed(stretch: SourceStretch): void {
    this.#at = { group: stretch.group, row: stretch.row + 1, offset: 0 };
    this.#tailBytes = 0;
  }

  #endGroupBefore(group: number): void {
    if (group === this.#group) return;
    if (this.#writer) this.#close(this.#writer);
    this.#group = group;
    this.#nextChunk = 0;
  }

  #close(writer: ChunkWriter): void {
    this.#writer = null;
    this.#ports.finish(writer, this.#at, this.#ended);
  }

  /** Takes over the piece's reference, whatever happens. */
  async #take(piece: Piece): Promise<void> {
    let { start } = piece;
    while (start < piece.end) {
      const writer = this.#writer ?? await this.#open().catch((error: unknown) => {
        piece.slot.release();
        throw error;
      });
      const step = Math.min(piece.end, start + writer.roomBytes);
      const { cut, lines } = this.#measure(writer, start, step);
      const end = cut ?? step;
      if (end < piece.end) piece.slot.retain();
      writer.push({ ...piece, start, end }, lines);
      this.#moved(start, end);
      start = end;
      if (cut !== null) this.#close(writer);
      else if (writer.roomBytes === 0) writer.closePart(this.#mark(writer));
    }
  }

  async #open(): Promise<ChunkWriter> {
    const writer = await this.#ports.begin(this.#group, this.#nextChunk, this.#at, this.#ended);
    this.#writer = writer;
    this.#nextChunk += 1;
    return writer;
  }

  /** Lines in `[start, end)`, and where the chunk ends inside it, if it does. */
  #measure(writer: ChunkWriter, start: number, end: number): { readonly cut: number | null; readonly lines: number } {
    const { scanner } = this.#slab;
    if ('lines' in this.#chunk) {
      const wanted = this.#chunk.lines - writer.lines;
      const lines = scanner.count(start, end);
      if (lines < wanted) return { cut: null, lines };
      return { cut: scanner.nth(start, end, wanted), lines: wanted };
    }
    const before = this.#chunk.bytes - 1 - writer.bytes;
    if (before >= end - start) return { cut: null, lines: scanner.count(start, end) };
    const cut = scanner.nth(start + Math.max(0, before), end, 1);
    return cut === -1 ? { cut: null, lines: scanner.count(start, end) } : { cut, lines: scanner.count(start, cut) };
  }

  #moved(start: number, end: number): void {
    this.#at = { ...this.#at, offset: this.#at.offset + (end - start) };
    const lineEnd = this.#slab.scanner.last(start, end);
    if (lineEnd !== -1) this.#tailBytes = end - lineEnd;
    else if (this.#tailBytes !== null) this.#tailBytes += end - start;
  }

  #mark(writer: ChunkWriter): Mark {
    return { at: this.#at, lines: writer.lines, bytes: writer.bytes, ended: this.#ended };
  }
}
