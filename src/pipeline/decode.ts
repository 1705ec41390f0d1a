/**
 * Decoders of compressed sources: gzip with several members, zstd with several frames. Bytes go in as they arrive and come out
 * in bounded pieces.
 *
 * Invariants:
 * D1. What comes out before an error is a prefix of what the source decodes to, as far as its damage can be noticed: a wrong byte may come out as others,
 *     and be noticed by the checksum at the end only.
 * D2. At most one input piece and two pieces of `OUTPUT_BYTES` of output are held.
 * D3. Every frame is read: Node's zstd stream ends after the first one without an error (nodejs/node issue 64741), so a new
 *     decoder is started for what it left.
 * D4. Only damage is a TRB-SOURCE-CORRUPT: what the sink throws is thrown on as it is.
 */
import { crc32 } from '@node-rs/crc32';
import { createGunzip, createZstdDecompress, inflateRawSync, type Gunzip, type InflateRaw, type ZstdDecompress } from 'node:zlib';
import { TributaryError } from '../contracts/errors.ts';

const OUTPUT_BYTES = 256 * 2 ** 10;
const ZSTD_MAGIC = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);

export type CompressedEncoding = 'gzip' | 'zstd';

/** Takes a piece of decoded bytes, which nobody writes to any more. */
export type Sink = (bytes: Uint8Array) => Promise<void>;

export interface Decoder {
  /**
   * Decodes one piece of input. Resolves when every byte that it yields went to the sink.
   * @throws TRB-SOURCE-CORRUPT. What was decoded in the step that failed, up to `OUTPUT_BYTES`, is lost then: see `salvage`.
   */
  write(input: Uint8Array): Promise<void>;
  /** The input has ended. @throws TRB-SOURCE-CORRUPT where it ended inside a member or frame */
  end(): Promise<void>;
  /** How much of what came out belongs to frames that have ended, and fits their checksums. Node does not tell of members of gzip: see `verifiedMembers`. */
  readonly verifiedBytes: number;
  /** Frees the decoder; also after an error. */
  destroy(): void;
}

export function createDecoder(encoding: CompressedEncoding, sink: Sink): Decoder {
  return encoding === 'gzip' ? new GzipDecoder(sink) : new ZstdDecoder(sink);
}

function corrupt(encoding: CompressedEncoding, detail: string, cause?: unknown): TributaryError {
  return new TributaryError('TRB-SOURCE-CORRUPT', `the ${encoding} data is damaged: ${detail}`, {}, { cause });
}

/** Drives one zlib stream: input in, output to the sink with back-pressure. */
class Inflation {
  readonly #encoding: CompressedEncoding;
  readonly #stream: Gunzip | ZstdDecompress;
  readonly #sink: Sink;
  #fed = 0;
  #ended = false;
  #failure: Error | null = null;
  #wake: (() => void) | null = null;

  constructor(encoding: CompressedEncoding, sink: Sink) {
    this.#encoding = encoding;
    this.#sink = sink;
    const options = { chunkSize: OUTPUT_BYTES };
    this.#stream = encoding === 'gzip' ? createGunzip(options) : createZstdDecompress(options);
    this.#stream.on('readable', () => this.#wake?.());
    this.#stream.on('end', () => { this.#ended = true; this.#wake?.(); });
    this.#stream.on('error', (error: Error) => { this.#failure = error; this.#wake?.(); });
  }

  /** @returns how many of the last bytes were not wanted, because the stream ended before them */
  async write(input: Uint8Array): Promise<number> {
    let taken = false;
    this.#stream.write(input, () => { taken = true; this.#wake?.(); });
    this.#fed += input.length;
    await this.#drain(() => taken || this.#ended);
    return this.#fed - this.#stream.bytesWritten;
  }

  async end(): Promise<void> {
    this.#stream.end();
    await this.#drain(() => this.#ended);
  }

  destroy(): void {
    this.#stream.destroy();
  }

  async #drain(isOver: () => boolean): Promise<void> {
    for (;;) {
      const bytes = this.#stream.read() as Buffer | null;
      if (bytes) await this.#sink(bytes);
      else if (this.#failure) throw corrupt(this.#encoding, this.#failure.message, this.#failure);
      else if (isOver()) return;
      else await new Promise<void>((resolve) => { this.#wake = resolve; });
    }
  }
}

class GzipDecoder implements Decoder {
  readonly verifiedBytes = 0;
  readonly #inflation: Inflation;
  #isEmpty = true;
  #isOver = false;

  constructor(sink: Sink) {
    this.#inflation = new Inflation('gzip', sink);
  }

  async write(input: Uint8Array): Promise<void> {
    const left = this.#isOver ? input.length : await this.#inflation.write(input);
    this.#isEmpty = false;
    if (left === 0) return;
    this.#isOver = true;
    // Zeros after the last member are padding, as from tape blocks; gzip itself passes over them.
    if (input.subarray(input.length - left).some((byte) => byte !== 0)) throw corrupt('gzip', 'bytes after the last member are no member');
  }

  async end(): Promise<void> {
    if (!this.#isEmpty && !this.#isOver) await this.#inflation.end();
  }

  destroy(): void {
    this.#inflation.destroy();
  }
}

class ZstdDecoder implements Decoder {
  readonly #sink: Sink;
  #inflation: Inflation | null = null;
  /** Fewer bytes than a magic number, at the start of a frame. */
  #head: Uint8Array = new Uint8Array(0);

  #verifiedBytes = 0;
  #decodedBytes = 0;

  constructor(sink: Sink) {
    this.#sink = (bytes) => {
      this.#decodedBytes += bytes.length;
      return sink(bytes);
    };
  }

  get verifiedBytes(): number {
    return this.#verifiedBytes;
  }

  async write(input: Uint8Array): Promise<void> {
    let rest = this.#head.length > 0 ? Buffer.concat([this.#head, input]) : input;
    this.#head = new Uint8Array(0);
    while (rest.length > 0) {
      if (!this.#inflation) {
        if (rest.length < ZSTD_MAGIC.length) {
          this.#head = Buffer.from(rest);
          return;
        }
        if (!startsFrame(rest)) throw corrupt('zstd', 'bytes after the last frame are no frame');
        this.#inflation = new Inflation('zstd', this.#sink);
      }
      const left = await this.#inflation.write(rest);
      if (left === 0) return;
      // The frame ended inside this piece: the decoder took no more than it, and the rest starts another.
      this.#inflation.destroy();
      this.#inflation = null;
      this.#verifiedBytes = this.#decodedBytes;
      rest = rest.subarray(rest.length - left);
    }
  }

  async end(): Promise<void> {
    if (this.#head.length > 0) throw corrupt('zstd', 'bytes after the last frame are no frame');
    await this.#inflation?.end();
  }

  destroy(): void {
    this.#inflation?.destroy();
  }
}

/** A frame, or a skippable one (RFC 8878, 3.1.2: magic numbers 0x184D2A50 to 0x184D2A5F), which the decoder passes over. */
function startsFrame(bytes: Uint8Array): boolean {
  return ZSTD_MAGIC.equals(bytes.subarray(0, 4)) || (bytes[1] === 0x2a && bytes[2] === 0x4d && bytes[3] === 0x18 && ((bytes[0] ?? 0) & 0xf0) === 0x50);
}

/** Flags of a member's header (RFC 1952, 2.3.1). */
const GZIP = { headerBytes: 10, trailerBytes: 8, checksum: 2, extra: 4, name: 8, comment: 16 } as const;

/**
 * What the first members of a gzip source decode to, those that have ended and fit their checksums.
 * @param stored the source, or the start of it
 * @param mostBytes more than that is not decoded
 */
export function verifiedMembers(stored: Buffer, mostBytes: number): Buffer[] {
  const verified: Buffer[] = [];
  let left = mostBytes;
  for (let at = bodyOfMember(stored, 0); at !== null && at < stored.length;) {
    let decoded: { readonly buffer: Buffer; readonly engine: InflateRaw };
    try {
      // With `info` it returns this; its types do not know.
      decoded = inflateRawSync(stored.subarray(at), { info: true, maxOutputLength: Math.max(1, left) }) as unknown as typeof decoded;
    } catch {
      // Damaged, cut off, or more than was asked for: this one is not verified.
      return verified;
    }
    const end = at + decoded.engine.bytesWritten;
    if (end + GZIP.trailerBytes > stored.length) return verified;
    if (crc32(decoded.buffer) !== stored.readUInt32LE(end) || decoded.buffer.length !== stored.readUInt32LE(end + 4)) return verified;
    verified.push(decoded.buffer);
    left -= decoded.buffer.length;
    at = bodyOfMember(stored, end + GZIP.trailerBytes);
  }
  return verified;
}

/** @returns where the compressed data of the member begins that begins at `at`; null where none does */
function bodyOfMember(stored: Buffer, at: number): number | null {
  if (stored[at] !== 0x1f || stored[at + 1] !== 0x8b || stored[at + 2] !== 8) return null;
  const flags = stored[at + 3] ?? 0;
  let body = at + GZIP.headerBytes;
  if (flags & GZIP.extra) body += 2 + (stored[body] ?? 0) + 256 * (stored[body + 1] ?? 0);
  for (const text of [GZIP.name, GZIP.comment]) {
    if (!(flags & text)) continue;
    const end = stored.indexOf(0, body);
    if (end < 0) return null;
    body = end + 1;
  }
  return flags & GZIP.checksum ? body + 2 : body;
}
