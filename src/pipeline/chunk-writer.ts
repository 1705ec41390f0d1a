/**
 * One chunk on its way to S3. It owns the bytes of the part that is forming, the upload, and what is known of its parts.
 *
 * Invariants:
 * W1. Parts close at `partBytes` counted from the chunk's start, so a part is a pure function of the chunk's content.
 * W2. A chunk that ends within its first part is one PutObject; every other is a multipart upload.
 * W3. `acknowledged` describes an unbroken run of parts from the first one; it never goes back.
 * W4. Pieces are released when their part is acknowledged, or by `discard`, and only once.
 */
import { crc32 } from '@node-rs/crc32';
import { TributaryError } from '../contracts/errors.ts';
import type { Ended, OpenChunk, Position } from '../contracts/cursor.ts';
import type { OutputOptions } from '../contracts/merge.ts';
import { combineCrc32 } from '../core/crc32.ts';
import type { Body, UploadedPart } from '../stores/object-store.ts';
import { chunkMetadata, completeOnce, putOnce, type ChunkObject, type PublishContext } from './publish.ts';
import { viewOf, type Piece } from './slab.ts';

/** Limit of S3: parts are numbered from 1 to 10,000. */
const MAX_PARTS = 10_000;

/** A place in the chunk where a part ends. */
export interface Mark {
  readonly at: Position;
  readonly lines: number;
  readonly bytes: number;
  readonly ended: Ended;
}

interface Acknowledged extends Mark { readonly parts: number; readonly crc32: number }

/** The upload is gone, or its bytes can no longer be trusted: the chunk is to be written again from its start. */
export class ChunkRestart extends Error {
  override readonly name = 'ChunkRestart';
  readonly writer: ChunkWriter;
  constructor(writer: ChunkWriter, why: string) {
    super(why);
    this.writer = writer;
  }
}

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
  /** Finds an upload to carry on for this key, or begins one. Called at most once, before the first part. */
  readonly openUpload: (object: ChunkObject, metadata: Readonly<Record<string, string>>) => Promise<OpenedUpload>;
  readonly onError: (error: unknown) => void;
}

/** An upload, and the parts that the store lists for it by number. */
export interface OpenedUpload { readonly uploadId: string; readonly parts: ReadonlyMap<number, UploadedPart> }

export class ChunkWriter {
  readonly options: ChunkWriterOptions;
  lines = 0;
  bytes = 0;
  closed = false;
  /** Where the chunk ends; known once it is closed. */
  end: Position;
  /** Set when the chunk is published. */
  published: { readonly etag: string; readonly crc32: number } | null = null;
  #forming: Piece[] = [];
  #formingBytes = 0;
  #partCount = 0;
  #upload: Promise<OpenedUpload> | null = null;
  #uploadId: string | null = null;
  readonly #parts = new Map<number, { readonly etag: string; readonly crc32: number; readonly sizeBytes: number }>();
  readonly #marks = new Map<number, Mark>();
  readonly #pending = new Set<Promise<void>>();
  #acknowledged: Acknowledged;

  constructor(options: ChunkWriterOptions) {
    this.options = options;
    this.end = options.start;
    this.#acknowledged = { at: options.start, lines: 0, bytes: 0, ended: options.endedAtStart, parts: 0, crc32: 0 };
  }

  /** Carries on an upload that an earlier attempt began: its first `open.parts` parts are there and trusted. */
  static adopt(options: ChunkWriterOptions, open: OpenChunk, upload: OpenedUpload, endedAt: Ended): ChunkWriter {
    const writer = new ChunkWriter(options);
    writer.#upload = Promise.resolve(upload);
    writer.#uploadId = upload.uploadId;
    writer.#partCount = open.parts;
    for (const part of upload.parts.values()) {
      if (part.partNumber <= open.parts) writer.#parts.set(part.partNumber, { etag: part.etag, crc32: part.crc32 ?? 0, sizeBytes: part.sizeBytes });
    }
    writer.lines = open.lines;
    writer.bytes = open.bytes;
    writer.#acknowledged = { at: open.at, lines: open.lines, bytes: open.bytes, ended: endedAt, parts: open.parts, crc32: open.crc32 };
    return writer;
  }

  /** Bytes until the forming part is full. */
  get roomBytes(): number {
    return this.options.partBytes - this.#formingBytes;
  }

  get formingBytes(): number {
    return this.#formingBytes;
  }

  /** Takes over the piece's reference. `piece` is at most `roomBytes` long. */
  push(piece: Piece, lines: number): void {
    const last = this.#forming.at(-1);
    const sizeBytes = piece.end - piece.start;
    if (last && last.slot === piece.slot && last.end === piece.start) {
      this.#forming[this.#forming.length - 1] = { ...last, end: piece.end };
      piece.slot.release();
    } else {
      this.#forming.push(piece);
    }
    this.#formingBytes += sizeBytes;
    this.bytes += sizeBytes;
    this.lines += lines;
  }

  /** Takes the last `sizeBytes` back, which hold no line end. They are still in the forming part. */
  truncate(sizeBytes: number): void {
    this.bytes -= sizeBytes;
    this.#formingBytes -= sizeBytes;
    for (let left = sizeBytes; left > 0;) {
      const last = this.#forming.pop();
      if (!last) throw new Error('more bytes were taken back than the forming part holds');
      const lastBytes = last.end - last.start;
      if (lastBytes > left) this.#forming.push({ ...last, end: last.end - left });
      else last.slot.release();
      left -= Math.min(left, lastBytes);
    }
  }

  /** Ends the forming part at `mark` and starts to send it. @throws TRB-CHUNK-TOO-LARGE */
  closePart(mark: Mark): void {
    const { options } = this;
    this.#partCount += 1;
    const partNumber = this.#partCount;
    if (partNumber > MAX_PARTS) {
      throw new TributaryError('TRB-CHUNK-TOO-LARGE', `a chunk of s3://${options.object.bucket}/${options.object.key} passes ${MAX_PARTS} parts of ${options.partBytes} bytes; `
        + `set partBytes to ${options.partBytes * 2} or more, or merge fewer lines per chunk`, { bucket: options.object.bucket, key: options.object.key });
    }
    const pieces = this.#takeForming();
    this.#marks.set(partNumber, mark);
    this.#upload ??= options.openUpload(options.object, chunkMetadata(options.output, options.object.token)).then((upload) => {
      this.#uploadId = upload.uploadId;
      return upload;
    });
    this.#track(this.#sendPart(partNumber, pieces));
  }

  /** The chunk ends here. Publishing goes on by itself; `published` is set at its end, and `onPublished` called. */
  finish(end: Position, endedAt: Ended, onPublished: () => void): void {
    this.closed = true;
    this.end = end;
    if (!this.#upload) {
      this.#track(this.#putWhole(onPublished));
      return;
    }
    if (this.#formingBytes > 0) this.closePart({ at: end, lines: this.lines, bytes: this.bytes, ended: endedAt });
    this.#track(this.#complete([...this.#pending], onPublished));
  }

  /** For the cursor; null while there is no upload to carry on. */
  open(subtract: (a: Ended, b: Ended) => Ended): OpenChunk | null {
    const { chunk, start, endedAtStart } = this.options;
    if (!this.#uploadId || this.published) return null;
    const { at, lines, bytes, ended, parts, crc32: prefixCrc32 } = this.#acknowledged;
    return {
      chunk, start, uploadId: this.#uploadId, parts, crc32: prefixCrc32, at, lines, bytes, ended: subtract(ended, endedAtStart),
      closed: this.closed && parts === this.#partCount && this.#formingBytes === 0,
    };
  }

  /** Resolves when nothing of this chunk is in flight. Errors went to `onError`. */
  async settled(): Promise<void> {
    while (this.#pending.size > 0) await Promise.all(this.#pending);
  }

  /** Lets go of the bytes of the forming part. */
  discard(): void {
    for (const piece of this.#takeForming()) piece.slot.release();
  }

  #takeForming(): Piece[] {
    const pieces = this.#forming;
    this.#forming = [];
    this.#formingBytes = 0;
    return pieces;
  }

  #track(work: Promise<void>): void {
    const tracked: Promise<void> = work.catch((error: unknown) => { this.options.onError(error); }).finally(() => { this.#pending.delete(tracked); });
    this.#pending.add(tracked);
  }

  async #sendPart(partNumber: number, pieces: readonly Piece[]): Promise<void> {
    const { object, lane, context } = this.options;
    try {
      const body = bodyOf(pieces);
      // Not within the lane: opening may wait for another chunk, which needs lanes to end.
      const upload = await this.#upload;
      if (!upload) throw new Error('a part was sent before its upload was opened');
      await lane(async () => {
        const there = upload.parts.get(partNumber);
        // A part that an earlier attempt sent, with these very bytes, is not sent again.
        const same = there?.sizeBytes === body.sizeBytes && there.crc32 === body.crc32;
        const { etag } = same ? there : await context.store.uploadPart({ ...object, uploadId: upload.uploadId, partNumber, body }, { signal: context.signal });
        this.#parts.set(partNumber, { etag, crc32: body.crc32, sizeBytes: body.sizeBytes });
      });
      this.#advance();
    } catch (error) {
      if (error instanceof TributaryError && error.code === 'TRB-NO-SUCH-KEY') throw new ChunkRestart(this, `the upload of s3://${object.bucket}/${object.key} is gone`);
      throw error;
    } finally {
      for (const piece of pieces) piece.slot.release();
    }
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

  async #putWhole(onPublished: () => void): Promise<void> {
    const { object, output, lane, context } = this.options;
    const pieces = this.#takeForming();
    try {
      const body = bodyOf(pieces);
      const etag = await lane(() => putOnce(context, object, body, output));
      this.published = { etag, crc32: body.crc32 };
      onPublished();
    } finally {
      for (const piece of pieces) piece.slot.release();
    }
  }

  async #complete(parts: readonly Promise<void>[], onPublished: () => void): Promise<void> {
    await Promise.all(parts);
    const { object, lane, context } = this.options;
    const upload = await this.#upload;
    // A part failed: its error went to onError already.
    if (!upload || this.#acknowledged.parts !== this.#partCount) return;
    const listed = [...this.#parts].sort(([a], [b]) => a - b).map(([partNumber, part]) => ({ partNumber, etag: part.etag, crc32: part.crc32 }));
    const { crc32: wholeCrc32 } = this.#acknowledged;
    const etag = await lane(() => completeOnce(context, object, { uploadId: upload.uploadId, parts: listed, sizeBytes: this.bytes, crc32: wholeCrc32 }));
    if (etag === null) throw new ChunkRestart(this, `neither the upload nor the object of s3://${object.bucket}/${object.key} is there`);
    this.published = { etag, crc32: wholeCrc32 };
    onPublished();
  }
}

function bodyOf(pieces: readonly Piece[]): Body {
  const views = pieces.map(viewOf);
  let sum = 0;
  let sizeBytes = 0;
  for (const view of views) {
    sum = crc32(view, sum);
    sizeBytes += view.length;
  }
  return { views, sizeBytes, crc32: sum };
}
