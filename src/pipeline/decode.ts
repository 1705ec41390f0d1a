/**
 * Decoders of compressed sources: gzip with several members, zstd with several frames. Bytes go in as they arrive and come out
 * in bounded pieces.
 *
 * Invariants:
 * D1. What comes out before an error is a true prefix of the decoded source.
 * D2. At most one input piece and `OUTPUT_BYTES` of output are held.
 * D3. Every frame is read: Node's zstd stream ends after the first one without an error (nodejs/node issue 64741), so a new
 *     decoder is started for what it left.
 */
import { createGunzip, createZstdDecompress, type Gunzip, type ZstdDecompress } from 'node:zlib';
import { once } from 'node:events';
import { TributaryError } from '../contracts/errors.ts';

const OUTPUT_BYTES = 256 * 2 ** 10;
const ZSTD_MAGIC = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);

/** Takes a piece of decoded bytes; it is copied before the promise resolves. */
export type Sink = (bytes: Uint8Array) => Promise<void>;

export interface Decoder {
  /** Decodes one piece of input. Resolves when every byte that it yields went to the sink. @throws TRB-SOURCE-CORRUPT */
  write(input: Uint8Array): Promise<void>;
  /** The input has ended. @throws TRB-SOURCE-CORRUPT where it ended inside a member or frame */
  end(): Promise<void>;
  /** Frees the decoder; also after an error. */
  destroy(): void;
}

export function createDecoder(encoding: 'gzip' | 'zstd', sink: Sink): Decoder {
  return encoding === 'gzip' ? new GzipDecoder(sink) : new ZstdDecoder(sink);
}

function corrupt(encoding: string, cause: unknown): TributaryError {
  const detail = cause instanceof Error ? cause.message : String(cause);
  return new TributaryError('TRB-SOURCE-CORRUPT', `the ${encoding} data is damaged: ${detail}`, {}, { cause });
}

/** Runs one zlib stream: input in, output to the sink with back-pressure. */
class StreamRunner {
  readonly stream: Gunzip | ZstdDecompress;
  readonly #sink: Sink;
  #draining: Promise<void> = Promise.resolve();
  #failure: { readonly error: unknown } | null = null;
  readonly #failed: Promise<never>;

  constructor(stream: Gunzip | ZstdDecompress, sink: Sink) {
    this.stream = stream;
    this.#sink = sink;
    let fail: (error: unknown) => void;
    this.#failed = new Promise((_, reject) => { fail = reject; });
    this.#failed.catch(() => undefined);
    stream.on('error', (error) => { this.#failure = { error }; fail(error); });
    stream.on('data', (bytes: Buffer) => {
      stream.pause();
      this.#draining = this.#draining.then(() => this.#sink(bytes)).then(() => { stream.resume(); }, (error: unknown) => { this.#failure ??= { error }; fail(error); });
    });
  }

  async write(input: Uint8Array): Promise<void> {
    await Promise.race([this.#failed, new Promise<void>((resolve) => { this.stream.write(input, () => { resolve(); }); })]).catch(() => undefined);
    await this.#settle();
  }

  async finish(): Promise<void> {
    const ended = this.stream.readableEnded ? Promise.resolve() : once(this.stream, 'end');
    this.stream.end();
    await Promise.race([this.#failed, ended]).catch(() => undefined);
    await this.#settle();
  }

  /** Everything that came out before a failure reaches the sink before the failure is thrown (D1). */
  async #settle(): Promise<void> {
    for (let pending: Promise<void> | null = null; pending !== this.#draining;) {
      pending = this.#draining;
      await pending;
      await new Promise((resolve) => { setImmediate(resolve); });
    }
    if (this.#failure) throw this.#failure.error;
  }
}

class GzipDecoder implements Decoder {
  readonly #runner: StreamRunner;
  #received = 0;

  constructor(sink: Sink) {
    this.#runner = new StreamRunner(createGunzip({ chunkSize: OUTPUT_BYTES }), sink);
  }

  async write(input: Uint8Array): Promise<void> {
    this.#received += input.length;
    await this.#runner.write(input).catch((error: unknown) => { throw corrupt('gzip', error); });
  }

  async end(): Promise<void> {
    if (this.#received === 0) return;
    await this.#runner.finish().catch((error: unknown) => { throw corrupt('gzip', error); });
  }

  destroy(): void {
    this.#runner.stream.destroy();
  }
}

class ZstdDecoder implements Decoder {
  readonly #sink: Sink;
  #runner: StreamRunner | null = null;
  #fed = 0;
  /** Fewer bytes than a magic number, at the start of a frame. */
  #head: Uint8Array = new Uint8Array(0);

  constructor(sink: Sink) {
    this.#sink = sink;
  }

  async write(input: Uint8Array): Promise<void> {
    let rest = this.#head.length > 0 ? Buffer.concat([this.#head, input]) : input;
    this.#head = new Uint8Array(0);
    while (rest.length > 0) {
      if (!this.#runner) {
        if (rest.length < ZSTD_MAGIC.length) {
          this.#head = rest.slice();
          return;
        }
        if (!isSkippable(rest) && !ZSTD_MAGIC.equals(rest.subarray(0, 4))) throw corrupt('zstd', new Error('bytes after the last frame are no frame'));
        this.#runner = new StreamRunner(createZstdDecompress({ chunkSize: OUTPUT_BYTES }), this.#sink);
        this.#fed = 0;
      }
      const runner = this.#runner;
      await runner.write(rest).catch((error: unknown) => { throw corrupt('zstd', error); });
      this.#fed += rest.length;
      const left = this.#fed - runner.stream.bytesWritten;
      if (left === 0 && !runner.stream.readableEnded) return;
      // The frame ended inside this piece: the decoder took no more than it, and the rest starts another.
      runner.stream.destroy();
      this.#runner = null;
      rest = rest.subarray(rest.length - left);
    }
  }

  async end(): Promise<void> {
    if (this.#head.length > 0) throw corrupt('zstd', new Error('bytes after the last frame are no frame'));
    await this.#runner?.finish().catch((error: unknown) => { throw corrupt('zstd', error); });
  }

  destroy(): void {
    this.#runner?.stream.destroy();
  }
}

/** Skippable frames (RFC 8878, 3.1.2) have magic numbers 0x184D2A50 to 0x184D2A5F; the decoder passes over them. */
function isSkippable(bytes: Uint8Array): boolean {
  return bytes[1] === 0x2a && bytes[2] === 0x4d && bytes[3] === 0x18 && ((bytes[0] ?? 0) & 0xf0) === 0x50;
}
