/**
 * One chunk on its way to S3. It owns the bytes of the part that is forming, where the parts go, and what is known of them.
 *
 * Invariants:
 * W1. Parts close at `partBytes` counted from the chunk's start, so a part is a pure function of the chunk's content.
 * W2. A chunk that ends within its first part is one PutObject; every other is a multipart upload.
 * W3. `acknowledged` describes an unbroken run of parts from the first one; it never goes back.
 * W4. Pieces are released when their part is acknowledged or given up, or by `discard`, and only once.
 */
import { isTributaryError, TributaryError } from '../contracts/errors.ts';
import type { OpenChunk, Position } from '../contracts/cursor.ts';
import type { OutputOptions } from '../contracts/merge.ts';
import { combineCrc32 } from '../core/crc32.ts';
import { addEnded, subtractEnded, type Ended } from '../core/ended.ts';
import type { Body } from '../stores/object-store.ts';
import { completeOnce, judge, putOnce, type ChunkObject, type PublishContext } from './publish.ts';
import { Restart } from './restart.ts';
import { FormingPart } from './forming-part.ts';
import type { Packer } from './packer.ts';
import { type Piece } from './slab.ts';
import type { AdoptedChunk, Destination } from './uploads.ts';

/** Limit of S3: parts are numbered from 1 to 10,000. */
const MAX_PARTS = 10_000;

/** A place behind some byte of the chunk. */
export interface Mark {
  readonly at: Position;
  /** Of the chunk, up to here. */
  readonly lines: number;
  readonly bytes: number;
  /** Bytes of the line that goes on here. */
  readonly tail: number;
  /** What ended in the batch before the source of `at`. */
  readonly ended: Ended;
}

interface Acknowledged extends Mark { readonly parts: number; readonly crc32: number }

export interface ChunkWriterOptions {
  readonly object: ChunkObject;
  readonly group: number;
  readonly chunk: number;
  readonly start: Position;
  readonly endedAtStart: Ended;
  readonly context: PublishContext;
  readonly output: OutputOptions;
  readonly partBytes: number;
  /** Runs requests, a bounded number at a time. */
  readonly lane: <T>(task: () => Promise<T>) => Promise<T>;
  /** Finds or begins the upload. Called at most once, before the first part. */
  readonly openUpload: (object: ChunkObject) => Promise<Destination>;
  /** The chunk is written without an upload. */
  readonly needsNoUpload: (object: ChunkObject) => Promise<void>;
  readonly onPublished: (writer: ChunkWriter) => void;
  readonly onError: (error: unknown) => void;
}

export class ChunkWriter {
  readonly options: ChunkWriterOptions;
  closed = false;
  /** Set when the chunk is published. */
  published: { readonly etag: string; readonly crc32: number } | null = null;
  #mark: Mark;
  #forming = new FormingPart();
  #partCount = 0;
  #opening: Promise<Destination> | null = null;
  #destination: Destination | null = null;
  readonly #parts = new Map<number, { readonly etag: string; readonly crc32: number; readonly sizeBytes: number }>();
  readonly #marks = new Map<number, Mark>();
  readonly #pending = new Set<Promise<void>>();
  #acknowledged: Acknowledged;

  constructor(options: ChunkWriterOptions) {
    this.options = options;
    this.#mark = { at: options.start, lines: 0, bytes: 0, tail: 0, ended: options.endedAtStart };
    this.#acknowledged = { ...this.#mark, parts: 0, crc32: 0 };
  }

  /** Carries a chunk on after its acknowledged parts. */
  static adopt(options: ChunkWriterOptions, { open, ended, destination }: AdoptedChunk): ChunkWriter {
    const writer = new ChunkWriter(options);
    writer.#opening = Promise.resolve(destination);
    writer.#destination = destination;
    writer.#partCount = open.parts;
    for (const part of destination.kind === 'upload' ? destination.parts.values() : []) {
      if (part.partNumber <= open.parts) writer.#parts.set(part.partNumber, { etag: part.etag, crc32: part.crc32 ?? 0, sizeBytes: part.sizeBytes });
    }
    writer.#mark = { at: open.at, lines: open.lines, bytes: open.bytes, tail: open.tail, ended: addEnded(options.endedAtStart, ended) };
    writer.#acknowledged = { ...writer.#mark, parts: open.parts, crc32: open.crc32 };
    return writer;
  }

  /** Where the bytes that were pushed end. */
  get mark(): Mark {
    return this.#mark;
  }

  /** Bytes until the forming part is full. */
  get roomBytes(): number {
    return this.options.partBytes - this.#forming.sizeBytes;
  }

  get formingBytes(): number {
    return this.#forming.sizeBytes;
  }

  /** Takes over the piece's reference. `piece` is at most `roomBytes` long, and ends at `mark`. @param sum its CRC32, where that is known */
  push(piece: Piece, mark: Mark, sum?: number): void {
    this.#forming.push(piece, sum);
    this.#mark = mark;
  }

  /** Goes back to `mark`, behind which all bytes are still in the forming part. */
  truncate(mark: Mark): void {
    this.#forming.takeBack(this.#mark.bytes - mark.bytes);
    this.#mark = mark;
  }

  /** @see FormingPart.tidy */
  tidy(packer: Packer): Promise<void> {
    return this.#forming.tidy(packer);
  }

  /** Ends the forming part here and starts to send it. @throws TRB-CHUNK-TOO-LARGE */
  closePart(): void {
    const { object, partBytes, openUpload } = this.options;
    if (this.#partCount === MAX_PARTS) {
      throw new TributaryError('TRB-CHUNK-TOO-LARGE', `a chunk of s3://${object.bucket}/${object.key} passes ${MAX_PARTS} parts of ${partBytes} bytes; `
        + `set partBytes to ${partBytes * 2} or more, or merge fewer lines per chunk`, { bucket: object.bucket, key: object.key });
    }
    this.#partCount += 1;
    this.#marks.set(this.#partCount, this.#mark);
    this.#opening ??= openUpload(object).then((destination) => {
      this.#destination = destination;
      return destination;
    });
    this.#track(this.#sendPart(this.#partCount, this.#takeForming(), this.#opening));
  }

  /** The chunk ends here. Publishing goes on by itself; `onPublished` is called at its end. */
  finish(): void {
    this.closed = true;
    if (!this.#opening) {
      this.#track(this.#putWhole());
      return;
    }
    if (this.#forming.sizeBytes > 0) this.closePart();
    this.#track(this.#complete([...this.#pending], this.#opening));
  }

  /** For the cursor; null while there is no upload to carry on. */
  open(): OpenChunk | null {
    const { chunk, start, endedAtStart } = this.options;
    if (!this.#destination || this.published) return null;
    const { at, lines, bytes, tail, ended, parts, crc32: prefixCrc32 } = this.#acknowledged;
    const { done, partial, failed } = subtractEnded(ended, endedAtStart);
    return {
      chunk, start, parts, crc32: prefixCrc32, at, lines, bytes, tail, ended: { done: [...done], partial: [...partial], failed: [...failed] },
      closed: this.closed && parts === this.#partCount && this.#forming.sizeBytes === 0,
    };
  }

  /** Resolves when nothing of this chunk is in flight. Errors went to `onError`. */
  async settled(): Promise<void> {
    while (this.#pending.size > 0) await Promise.all(this.#pending);
  }

  /** Lets go of the bytes of the forming part. */
  discard(): void {
    this.#takeForming().release();
  }

  #takeForming(): FormingPart {
    const part = this.#forming;
    this.#forming = new FormingPart();
    return part;
  }

  #track(work: Promise<void>): void {
    const tracked: Promise<void> = work.catch((error: unknown) => { this.options.onError(error); }).finally(() => { this.#pending.delete(tracked); });
    this.#pending.add(tracked);
  }

  async #sendPart(partNumber: number, part: FormingPart, opening: Promise<Destination>): Promise<void> {
    const { object, lane } = this.options;
    try {
      const body = part.body();
      // Not within the lane: opening may wait for another chunk, which needs lanes to end.
      const destination = await opening;
      const etag = destination.kind === 'published' ? '' : await lane(() => this.#etagOf(partNumber, body, destination));
      this.#parts.set(partNumber, { etag, crc32: body.crc32, sizeBytes: body.sizeBytes });
      this.#advance();
    } catch (error) {
      if (isTributaryError(error) && error.code === 'TRB-NO-SUCH-KEY') throw new Restart('upload', `the upload of s3://${object.bucket}/${object.key} is gone`);
      throw error;
    } finally {
      part.release();
    }
  }

  /** A part that an earlier attempt sent, with these very bytes, is not sent again. */
  async #etagOf(partNumber: number, body: Body, { uploadId, parts }: Destination & { kind: 'upload' }): Promise<string> {
    const { object: { bucket, key }, context: { store, signal } } = this.options;
    const there = parts.get(partNumber);
    if (there?.sizeBytes === body.sizeBytes && there.crc32 === body.crc32) return there.etag;
    return (await store.uploadPart({ bucket, key, uploadId, partNumber, body }, { signal })).etag;
  }

  #advance(): void {
    for (;;) {
      const partNumber = this.#acknowledged.parts + 1;
      const mark = this.#marks.get(partNumber);
      const part = this.#parts.get(partNumber);
      if (!mark || !part) return;
      this.#marks.delete(partNumber);
      this.#acknowledged = { ...mark, parts: partNumber, crc32: combineCrc32(this.#acknowledged.crc32, part.crc32, part.sizeBytes) };
    }
  }

  async #putWhole(): Promise<void> {
    const { object, output, lane, context, needsNoUpload } = this.options;
    const part = this.#takeForming();
    try {
      await needsNoUpload(object);
      const body = part.body();
      this.#publish(await lane(() => putOnce(context, object, body, output)), body.crc32);
    } finally {
      part.release();
    }
  }

  async #complete(sending: readonly Promise<void>[], opening: Promise<Destination>): Promise<void> {
    await Promise.all(sending);
    const { object, lane, context } = this.options;
    const { parts, bytes: sizeBytes, crc32: wholeCrc32 } = this.#acknowledged;
    // A part failed: its error went to onError already.
    if (parts !== this.#partCount) return;
    const destination = await opening;
    if (destination.kind === 'published') {
      this.#publish(judge(object, { sizeBytes, crc32: wholeCrc32 }, destination.object), wholeCrc32);
      return;
    }
    const listed = [...this.#parts].sort(([a], [b]) => a - b).map(([partNumber, part]) => ({ partNumber, etag: part.etag, crc32: part.crc32 }));
    const etag = await lane(() => completeOnce(context, object, { uploadId: destination.uploadId, parts: listed, sizeBytes, crc32: wholeCrc32 }));
    if (etag === null) throw new Restart('upload', `neither the upload nor the object of s3://${object.bucket}/${object.key} is there`);
    this.#publish(etag, wholeCrc32);
  }

  #publish(etag: string, sum: number): void {
    this.published = { etag, crc32: sum };
    this.options.onPublished(this);
  }
}
