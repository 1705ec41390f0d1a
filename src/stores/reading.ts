/**
 * One read of a stretch of an object, try after try: it goes on from the byte it reached.
 *
 * Invariants: bytes that arrived are never asked for again, unless they prove damaged; where the store keeps a checksum of an object that one
 * try reads whole, the bytes are believed only if it holds. (With what completes a read that broke comes no checksum.)
 */
import { crc32 } from '@node-rs/crc32';
import { isTributaryError, TributaryError, type ErrorCode } from '../contracts/errors.ts';
import type { Allowance } from './allowance.ts';
import { WRONG_LENGTH, wrongAnswer } from './classify.ts';
import { InterruptedRead, type ObjectStore, type ReadOptions, type ReadRequest, type ReadResult } from './object-store.ts';

export class Reading {
  readonly #store: ObjectStore;
  readonly #allowance: Allowance;
  readonly #request: ReadRequest;
  readonly #into: Uint8Array;
  readonly #options: ReadOptions;
  #reachedBytes = 0;
  #isDamaged = false;

  constructor(store: ObjectStore, allowance: Allowance, request: ReadRequest, into: Uint8Array, options: ReadOptions) {
    this.#store = store;
    this.#allowance = allowance;
    this.#request = request;
    this.#into = into;
    this.#options = options;
  }

  /** Asks for what is missing. */
  send(): Promise<ReadResult> {
    this.#isDamaged = false;
    const read = (): Promise<ReadResult> => this.#store.readInto(this.#rest(), this.#room(), this.#options);
    return this.#allowance.limitsDownloads ? this.#allowance.download(read, this.#options.signal) : read();
  }

  /** @throws a failure that passes with another try, where the bytes are not those that the store has */
  accept(result: ReadResult): void {
    const { lengthBytes } = this.#request;
    if (isRight(result, this.#room(), lengthBytes - this.#reachedBytes)) return;
    this.#isDamaged = true;
    const { bucket, key } = this.#request;
    throw wrongAnswer({ store: this.#store.name, bucket, key, operation: 'readInto' }, 'other bytes than its checksum says');
  }

  /** Takes note of how far a try came that failed. @returns whether it came further than the one before */
  hasProgressed(error: unknown): boolean {
    if (!(error instanceof InterruptedRead)) return false;
    this.#reachedBytes += error.receivedBytes;
    return true;
  }

  /** What the caller is told, after the last try. */
  meaningOf(error: unknown): unknown {
    if (this.#isDamaged) return this.#sourceError('TRB-SOURCE-CORRUPT', 'has other bytes than its checksum says', error);
    if (!isTributaryError(error)) return error;
    // As of a gateway that decodes what it hands on: it would be asked for ever, and all other sources with it.
    const meaning = error.context.storeCode === WRONG_LENGTH
      ? this.#sourceError('TRB-SOURCE-CHANGED', `is not ${this.#request.sizeBytes} bytes long, as it was listed, although its ETag is the same`, error) : error;
    return this.#reachedBytes > 0 ? afterBytes(meaning, this.#reachedBytes) : meaning;
  }

  #sourceError(code: ErrorCode, what: string, cause: unknown): TributaryError {
    const { bucket, key } = this.#request;
    const store = this.#store.name;
    return new TributaryError(code, `s3://${bucket}/${key} in store ${store} ${what}`, { store, bucket, key }, { cause });
  }

  #rest(): ReadRequest {
    const { offset, lengthBytes } = this.#request;
    return this.#reachedBytes === 0 ? this.#request : { ...this.#request, offset: offset + this.#reachedBytes, lengthBytes: lengthBytes - this.#reachedBytes };
  }

  /** A view costs as much as a request's bookkeeping, so none is made of what fits already. */
  #room(): Uint8Array {
    const { lengthBytes } = this.#request;
    return this.#reachedBytes === 0 && this.#into.byteLength === lengthBytes ? this.#into : this.#into.subarray(this.#reachedBytes, lengthBytes);
  }
}

/** Whether the first `lengthBytes` of a buffer are those that the store has, as far as it says. */
export function isRight({ objectCrc32 }: ReadResult, into: Uint8Array, lengthBytes: number): boolean {
  return objectCrc32 === undefined || objectCrc32 === crc32(into.byteLength === lengthBytes ? into : into.subarray(0, lengthBytes));
}

/** The error, and that so many bytes are in the buffer and right. */
export function afterBytes({ code, message, context, cause }: TributaryError, receivedBytes: number): TributaryError {
  return new TributaryError(code, message, { ...context, receivedBytes }, { cause });
}
