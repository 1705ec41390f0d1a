/**
 * Takes what the prefetch hands out and gives the cutter the bytes of the sources: as they landed, or decoded where they are compressed. It settles what is wrong with a source.
 *
 * Invariants:
 * R1. A failure record is durable before any byte after that source is read on. There is none of a source that an earlier attempt has merged, before it could not be read any more.
 * R2. What is read and not handed on, as of compressed and of broken sources, is said to the packer.
 * R3. Of a compressed source that decodes to no more than `HELD_BYTES` nothing is handed on before its checksum was seen to fit, or it was seen to be cut off: a damaged
 *     byte can decode to others, which nothing tells before the end. Of a larger one what was decoded is handed on, and may be wrong.
 */
import { isErrorCode, TributaryError } from '../contracts/errors.ts';
import type { MergeSpec } from '../contracts/merge.ts';
import type { FailureRecord } from '../contracts/records.ts';
import type { ObjectStore } from '../stores/object-store.ts';
import type { Cutter } from './cutter.ts';
import { createDecoder, verifiedMembers, type CompressedEncoding, type Decoder } from './decode.ts';
import type { Packer } from './packer.ts';
import { isSourceError, type Fetched, type Prefetch } from './prefetch.ts';
import type { SourceStretch } from './reading-list.ts';
import { Restart } from './restart.ts';
import type { RunRecords } from './run-records.ts';
import { prefixCrc32, salvage, type SalvageOptions } from './salvage.ts';
import { SLOT_BYTES, viewOf, type Piece } from './slab.ts';
import type { Delay } from './waiting.ts';

export interface ReaderOptions {
  readonly source: MergeSpec['source'];
  readonly store: ObjectStore;
  readonly records: RunRecords;
  readonly prefetch: Prefetch;
  readonly cutter: Cutter;
  readonly packer: Packer;
  readonly onError: 'continue' | 'stop';
  /** Asked before a source that has no record is given up. @throws TRB-CHUNK-DIVERGED where it is merged already */
  readonly refuseMerged: (stretch: SourceStretch) => Promise<void>;
  /** Whether to return although there is more to read. A compressed source is read to its end first: the next call would have to decode it from its start. */
  readonly isDue: () => boolean;
  /** Ends the reading. */
  readonly halt: AbortSignal;
  /** Ends the writing of records: later than `halt`. */
  readonly cutOff: AbortSignal;
}

const HELD_BYTES = 2 ** 20;
/** Stored bytes that are read again for that, at most: what is held comes from less, but where an archive is padded, and that could be any length. */
const READ_AGAIN_BYTES = 2 * SLOT_BYTES;

interface Decoding {
  readonly encoding: CompressedEncoding;
  readonly decoder: Decoder;
  /** Stored bytes that were decoded. */
  readBytes: number;
  /** What is not handed on yet (R3); null once there was too much of it, and where a record says what is to be kept. */
  held: Uint8Array[] | null;
  heldBytes: number;
}

export class Reader {
  readonly #options: ReaderOptions;
  #stretch: SourceStretch | null = null;
  #decoding: Decoding | null = null;

  constructor(options: ReaderOptions) {
    this.#options = options;
  }

  /** Whether a compressed source is being read. */
  get isDecoding(): boolean {
    return this.#decoding !== null;
  }

  /**
   * Reads until the end, or until it is due.
   * @returns whether everything was read
   * @throws Restart; the reason of `halt`; what the prefetch and the cutter's ports throw
   */
  async run(): Promise<boolean> {
    const { prefetch, isDue } = this.#options;
    try {
      for (;;) {
        if (!this.#decoding && isDue()) return false;
        const event = prefetch.take() ?? await prefetch.next();
        if (event === null) return true;
        const delay = this.#take(event);
        if (delay) await delay;
      }
    } finally {
      this.#stopDecoding();
    }
  }

  #take(event: Fetched): Delay {
    const { cutter } = this.#options;
    switch (event.kind) {
      case 'jump': return cutter.jump(event.adopted);
      case 'begin': return this.#begin(event);
      case 'piece': return this.#decoding ? this.#decode(event.piece, this.#decoding) : this.#plain(event.piece);
      case 'broken': return this.#unreadable(event.error);
      case 'end': return this.#end();
    }
  }

  #begin({ stretch, encoding, firstOffset }: Fetched & { kind: 'begin' }): Delay {
    const { cutter, onError } = this.#options;
    const { record } = stretch;
    this.#stretch = stretch;
    if (record && onError === 'stop') throw new TributaryError(isErrorCode(record.code) ? record.code : 'TRB-SOURCE-CORRUPT', record.reason, this.#where());
    cutter.begin(stretch, firstOffset);
    if (encoding !== 'plain') this.#options.packer.packSmall();
    if (!stretch.isWritable) return this.#broken(new TributaryError('TRB-SOURCE-KEY', `${this.#uri()} would be in a chunk whose key is longer than 1,024 bytes`, this.#where()));
    if (stretch.rest?.refused !== undefined) return this.#broken(new TributaryError('TRB-SOURCE-REST', `${this.#uri()} ${stretch.rest.refused}`, this.#where()));
    if (record?.outcome === 'failed' || encoding === 'plain') return undefined;
    if (encoding === 'unsupported') return this.#broken(new TributaryError('TRB-SOURCE-ENCODING', `${this.#uri()} is compressed in a way that is not supported`, this.#where()));
    this.#decoding = { encoding, decoder: createDecoder(encoding, (bytes) => this.#decoded(bytes)), readBytes: 0, held: record ? null : [], heldBytes: 0 };
    return undefined;
  }

  #plain(piece: Piece): Delay {
    const { cutter, packer } = this.#options;
    return packer.place(piece, (placed) => cutter.append(placed));
  }

  async #decode(piece: Piece, decoding: Decoding): Promise<void> {
    const { cutter } = this.#options;
    try {
      await decoding.decoder.write(viewOf(piece));
    } catch (error) {
      if (!isSourceError(error)) throw error;
      if (decoding.held) {
        decoding.held = await this.#verified(decoding, decoding.held, piece.end - piece.start);
      } else if (!cutter.isSatisfied) {
        await this.#salvage(decoding, piece.end - piece.start);
      }
      await this.#brokenOff(decoding, error);
      return;
    } finally {
      piece.slot.release();
    }
    decoding.readBytes += piece.end - piece.start;
    if (cutter.isSatisfied) await this.#endEarly();
  }

  /** A compressed source broke: behind what is held of it, if anything is. What is wrong behind the end of the stretch is met by the one that holds it. */
  async #brokenOff(decoding: Decoding, error: TributaryError): Promise<void> {
    await this.#handOn(decoding);
    await (this.#options.cutter.isSatisfied ? this.#endEarly() : this.#broken(error));
  }

  /** The stretch has all that is wanted of it. */
  async #endEarly(): Promise<void> {
    this.#options.prefetch.drop(this.#current());
    this.#stopDecoding();
    await this.#end();
  }

  /** Holds what comes out of the decoder, or hands it on (R3). */
  async #decoded(bytes: Uint8Array): Promise<void> {
    const decoding = this.#decoding;
    if (decoding?.held && decoding.heldBytes + bytes.length <= HELD_BYTES) {
      // A frame has a decoder of its own, and a few bytes would hold all of the room that this one decodes into.
      decoding.held.push(2 * bytes.length < bytes.buffer.byteLength ? Buffer.from(bytes) : bytes);
      decoding.heldBytes += bytes.length;
      return;
    }
    if (decoding?.held) await this.#handOn(decoding);
    await this.#pack(bytes);
  }

  async #handOn(decoding: Decoding): Promise<void> {
    const { held } = decoding;
    decoding.held = null;
    for (const bytes of held ?? []) await this.#pack(bytes);
  }

  /** What was held, as far as it fits its checksums. @param pieceBytes the stored bytes in which the damage was noticed */
  async #verified({ encoding, decoder, readBytes }: Decoding, held: readonly Uint8Array[], pieceBytes: number): Promise<Uint8Array[]> {
    if (encoding === 'zstd') return [Buffer.concat(held).subarray(0, decoder.verifiedBytes)];
    // The decoder gives nothing of the step that fails, and says nothing of where members end.
    const stored = Buffer.allocUnsafe(Math.min(readBytes + pieceBytes, READ_AGAIN_BYTES));
    try {
      await this.#readAgain()(0, stored);
    } catch (error) {
      // It cannot be read a second time: nothing of it is known to be right.
      if (!isSourceError(error)) throw error;
      return [];
    }
    return verifiedMembers(stored, HELD_BYTES);
  }

  async #salvage({ encoding, decoder, readBytes }: Decoding, pieceBytes: number): Promise<void> {
    const { cutter } = this.#options;
    decoder.destroy();
    try {
      await salvage({
        encoding, damage: { from: readBytes, to: readBytes + pieceBytes }, read: this.#readAgain(),
        arrivedBytes: () => cutter.arrivedBytes,
        sink: async (bytes) => this.#pack(bytes),
      });
    } catch (error) {
      // It cannot be read a second time: what came out before has to do.
      if (!isSourceError(error)) throw error;
    }
  }

  #readAgain(): SalvageOptions['read'] {
    const { store, source: { bucket }, halt } = this.#options;
    const { key, etag, sizeBytes } = this.#current();
    return async (offset, into) => { await store.readInto({ bucket, key, ifMatch: etag, offset, lengthBytes: into.length, sizeBytes }, into, { signal: halt }); };
  }

  /** What tells a later run whether a mended version begins with what is kept of this one. */
  async #keptCrc32(keep: number): Promise<{ readonly crc32?: number }> {
    const { rest, sizeBytes } = this.#current();
    if (keep === rest?.from) return rest.crc32 === undefined ? {} : { crc32: rest.crc32 };
    if (keep === 0 || !this.#decoding) return {};
    const sum = await prefixCrc32({ encoding: this.#decoding.encoding, sizeBytes, prefixBytes: keep, read: this.#readAgain() });
    return sum === null ? {} : { crc32: sum };
  }

  /** Copies of decoded bytes what is wanted, and no more: what is copied and let go would still hold its slot. */
  #pack(bytes: Uint8Array): Delay {
    const { packer, cutter } = this.#options;
    const { from, to } = cutter.wanted(bytes.length);
    if (from === 0 && to === bytes.length) return packer.pack(bytes, (piece) => cutter.append(piece));
    cutter.passOver(Math.min(from, to));
    const delay = from < to ? packer.pack(bytes.subarray(from, to), (piece) => cutter.append(piece)) : undefined;
    const passOver = (): void => { cutter.passOver(bytes.length - to); };
    if (delay) return delay.then(passOver);
    passOver();
    return undefined;
  }

  #end(): Delay {
    if (this.#decoding) return this.#endDecoding(this.#decoding);
    const delay = this.#options.cutter.end();
    if (delay) return delay.then(() => { this.#over(); });
    this.#over();
    return undefined;
  }

  async #endDecoding(decoding: Decoding): Promise<void> {
    try {
      await decoding.decoder.end();
    } catch (error) {
      if (!isSourceError(error)) throw error;
      // It is cut off: what is there of it is right.
      await this.#brokenOff(decoding, error);
      return;
    }
    await this.#handOn(decoding);
    await this.#options.cutter.end();
    this.#over();
  }

  /** @throws as `refuseMerged` and `#broken` do */
  async #unreadable(error: TributaryError): Promise<void> {
    const stretch = this.#current();
    if (this.#decoding) await this.#handOn(this.#decoding);
    if (!stretch.record && !this.#options.cutter.isSatisfied) await this.#options.refuseMerged(stretch);
    await (this.#decoding ? this.#brokenOff(this.#decoding, error) : this.#broken(error));
  }

  /** @throws Restart where the record asks for other parts than were sent; the error itself where the run stops at the first one */
  async #broken(error: TributaryError): Promise<void> {
    const { cutter, packer, prefetch, records, onError, cutOff } = this.#options;
    const stretch = this.#current();
    const { record } = stretch;
    packer.packSmall();
    prefetch.drop(stretch);
    const { keep, readBytes, isSent } = cutter.takeBack();
    if (!isSent) await cutter.tidy(packer);
    if (record && keep >= record.keep) {
      cutter.giveUp(record);
      this.#over();
      return;
    }
    const failure: FailureRecord = {
      row: stretch.row, uri: this.#uri(), outcome: record?.outcome ?? (readBytes === 0 ? 'failed' : 'partial'),
      code: record?.code ?? error.code, reason: error.message, bytes: stretch.sizeBytes, offset: readBytes, keep,
      etag: stretch.etag, ...await this.#keptCrc32(keep),
    };
    const held = await records.addFailure(failure, cutOff);
    if (onError === 'stop') throw new TributaryError(error.code, error.message.includes(stretch.key) ? error.message : `${this.#uri()}: ${error.message}`, this.#where(), { cause: error });
    if (isSent) throw new Restart('record', `a line of ${this.#uri()} broke off`);
    cutter.giveUp(held);
    this.#over();
  }

  #over(): void {
    this.#stretch = null;
    this.#stopDecoding();
  }

  #stopDecoding(): void {
    this.#decoding?.decoder.destroy();
    this.#decoding = null;
  }

  #current(): SourceStretch {
    if (!this.#stretch) throw new TributaryError('TRB-INTERNAL', 'bytes arrived outside a source');
    return this.#stretch;
  }

  #uri(): string {
    return `s3://${this.#options.source.bucket}/${this.#current().key}`;
  }

  #where(): { readonly bucket: string; readonly key: string } {
    return { bucket: this.#options.source.bucket, key: this.#current().key };
  }
}
