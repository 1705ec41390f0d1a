/**
 * The port with retries, limits and counting: what a session hands out.
 *
 * Invariants:
 * - A transient failure is tried again after a back-off, for as long as the session has patience; a permanent one is thrown at once.
 * - Every wait ends at once with the reason of an aborted signal.
 * - `readInto` goes on from the byte it reached; bytes that arrived are never asked for again. Where the store keeps a checksum of an object
 *   that is read whole, the bytes are believed only if it holds: damage on the way passes with another try, else it is TRB-SOURCE-CORRUPT.
 * - A write with `ifNoneMatch` whose answer was lost is sent again; if the first try had been carried out, the second is refused: the caller
 *   gets TRB-CHUNK-CONFLICT and settles by `head` whose object it is. `completeUpload` is repeated while its upload is there; once it is
 *   gone, the caller gets TRB-NO-SUCH-KEY and settles by `head` too. What a success is worth that may be a repeated one, `head` says.
 * - Requests are counted when they are sent. `listParts`, `listUploads` and `putStream` count one a call, though a long one takes several.
 */
import { crc32 } from '@node-rs/crc32';
import { isTributaryError, TributaryError } from '../contracts/errors.ts';
import type { OutputOptions } from '../contracts/merge.ts';
import type { Requests } from '../contracts/tally.ts';
import { Allowance } from './allowance.ts';
import { classifyStoreError, isThrottle, wrongAnswer, type FailedCall } from './classify.ts';
import type { Clock } from './clock.ts';
import type { Governor } from './governor.ts';
import { InterruptedRead, type CallOptions, type CompleteRequest, type ObjectStore, type PartRequest, type PutRequest, type ReadRequest, type ReadResult } from './object-store.ts';
import { OPERATIONS, type StoreOperation } from './operations.ts';
import { whyNotRepeated, whyRefused, type Asking } from './refused-write.ts';
import type { SessionOptions, StoreSession } from './registry.ts';
import { backoffMs, isRetried, mayHaveActed } from './retry-policy.ts';

/** What happens on the way to a store, for metrics. */
export interface RequestEvent {
  readonly kind: 'request' | 'retry' | 'throttle';
  readonly store: string;
  readonly requestClass: keyof Requests;
}

export interface RetryDeps {
  readonly governor: Governor;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly observe?: ((event: RequestEvent) => void) | undefined;
}

interface Target { readonly bucket: string; readonly key?: string }

/** A session over `store`: the port of the same name with retries, limits and counting. `close` of its store does nothing: the registry closes. */
export function withRetries(store: ObjectStore, options: SessionOptions, deps: RetryDeps): StoreSession {
  const session = new Session(store, options, deps);
  return {
    store: session.port(),
    requests: session.requests,
    retries: () => session.retried,
    waitingFor: () => session.waitingFor(),
  };
}

class Session {
  readonly requests: Requests = { list: 0, get: 0, head: 0, put: 0, copy: 0, delete: 0 };
  retried = 0;
  readonly #inner: ObjectStore;
  readonly #options: SessionOptions;
  readonly #deps: RetryDeps;
  readonly #allowance: Allowance;
  /** What each waiting call waits for. */
  readonly #waits = new Map<symbol, string>();

  constructor(inner: ObjectStore, options: SessionOptions, deps: RetryDeps) {
    this.#inner = inner;
    this.#options = options;
    this.#deps = deps;
    this.#allowance = options.allowance ?? new Allowance(deps.clock);
  }

  waitingFor(): string | null {
    return this.#waits.values().next().value ?? null;
  }

  port(): ObjectStore {
    const inner = this.#inner;
    const again = <R extends Target, T>(operation: StoreOperation, send: (request: R, options: CallOptions) => Promise<T>) =>
      (request: R, options: CallOptions = {}): Promise<T> => this.#withRetries(operation, request, options, () => send(request, options));
    return {
      name: inner.name,
      list: again('list', (request, options) => inner.list(request, options)),
      readInto: (request, into, options = {}) => this.#readInto(request, into, options),
      get: (ref, options = {}) => this.#withRetries('get', ref, options, () => inner.get(ref, options)),
      head: again('head', (ref, options) => inner.head(ref, options)),
      put: again('put', (request, options) => inner.put(this.#encrypted(request), options)),
      putStream: again('putStream', (request, options) => inner.putStream(this.#encrypted(request), options)),
      createUpload: again('createUpload', (request, options) => inner.createUpload(this.#encrypted(request), options)),
      uploadPart: again('uploadPart', (request, options) => inner.uploadPart(request, options)),
      listParts: again('listParts', (ref, options) => inner.listParts(ref, options)),
      listUploads: again('listUploads', (request, options) => inner.listUploads(request, options)),
      completeUpload: again('completeUpload', (request, options) => inner.completeUpload(request, options)),
      abortUpload: again('abortUpload', (ref, options) => inner.abortUpload(ref, options)),
      delete: again('delete', (ref, options) => inner.delete(ref, options)),
      headBucket: (bucket, options = {}) => this.#withRetries('headBucket', { bucket }, options, () => inner.headBucket(bucket, options)),
      createBucket: (bucket, options = {}) => this.#withRetries('createBucket', { bucket }, options, () => inner.createBucket(bucket, options)),
      close: () => undefined,
    };
  }

  #encrypted<R extends { readonly output?: OutputOptions }>(request: R): R {
    const { encryption } = this.#options;
    return encryption === undefined ? request : { ...request, output: { encryption, ...request.output } };
  }

  /** A range of an object is read in steps where bytes are limited. What is read whole is not: its checksum could not be seen. */
  #readInto(request: ReadRequest, into: Uint8Array, options: CallOptions): Promise<ReadResult> {
    const stepBytes = request.lengthBytes < request.sizeBytes ? this.#allowance.stepBytes : Infinity;
    return request.lengthBytes <= stepBytes ? this.#readAtOnce(request, into, options) : this.#readInSteps(request, into, options, stepBytes);
  }

  async #readInSteps(request: ReadRequest, into: Uint8Array, options: CallOptions, stepBytes: number): Promise<ReadResult> {
    for (let from = 0; from < request.lengthBytes; from += stepBytes) {
      const step = { ...request, offset: request.offset + from, lengthBytes: Math.min(stepBytes, request.lengthBytes - from) };
      try {
        await this.#readAtOnce(step, into.subarray(from), options);
      } catch (error) {
        throw from > 0 && isTributaryError(error) ? afterBytes(error, from + Number(error.context['receivedBytes'] ?? 0)) : error;
      }
    }
    return {};
  }

  async #readAtOnce(request: ReadRequest, into: Uint8Array, options: CallOptions): Promise<ReadResult> {
    if (!this.#allowance.tryBytes(request.lengthBytes)) await this.#allowance.bytes(request.lengthBytes, options.signal);
    const at = { reachedBytes: 0, isDamaged: false };
    try {
      return await this.#withRetries('readInto', request, options, async (progress) => {
        const rest = at.reachedBytes === 0 ? request
          : { ...request, offset: request.offset + at.reachedBytes, lengthBytes: request.lengthBytes - at.reachedBytes };
        at.isDamaged = false;
        try {
          const room = at.reachedBytes === 0 && into.byteLength === request.lengthBytes ? into : into.subarray(at.reachedBytes, request.lengthBytes);
          const read = (): Promise<ReadResult> => this.#inner.readInto(rest, room, options);
          const result = await (this.#allowance.limitsDownloads ? this.#allowance.download(read, options.signal) : read());
          at.isDamaged = result.objectCrc32 !== undefined && result.objectCrc32 !== crc32(room);
          if (at.isDamaged) throw wrongAnswer(this.#call('readInto', request), 'other bytes than its checksum says');
          return result;
        } catch (error) {
          if (error instanceof InterruptedRead) {
            at.reachedBytes += error.receivedBytes;
            progress();
          }
          throw error;
        }
      });
    } catch (error) {
      options.signal?.throwIfAborted();
      if (!at.isDamaged) throw at.reachedBytes > 0 && isTributaryError(error) ? afterBytes(error, at.reachedBytes) : error;
      const { bucket, key } = request;
      throw new TributaryError('TRB-SOURCE-CORRUPT', `s3://${bucket}/${key} in store ${this.#inner.name} has other bytes than its checksum says`, { store: this.#inner.name, bucket, key }, { cause: error });
    }
  }

  /** @param send one request; it may report progress, which makes its failure the first one again */
  async #withRetries<T>(operation: StoreOperation, target: Target, options: CallOptions, send: (progress: () => void) => Promise<T>): Promise<T> {
    const { clock, random, governor } = this.#deps;
    const { signal } = options;
    let failures = 0;
    let failingSinceMs = 0;
    for (let isRetry = false; ; isRetry = true) {
      try {
        return await this.#once(operation, isRetry, signal, () => send(() => {
          failures = 0;
        }));
      } catch (thrown) {
        signal?.throwIfAborted();
        const error = classifyStoreError(thrown, this.#call(operation, target));
        if (isThrottle(error)) governor.throttled();
        failures += 1;
        if (failures === 1) failingSinceMs = clock.nowMs();
        if (!isRetried(operation, error, failures)) throw error;
        const lost = mayHaveActed(error);
        if (lost && error.code === 'TRB-STORE-UNREACHABLE' && (operation === 'put' || operation === 'uploadPart')) {
          throwIfAny(await whyRefused(this.#asking(), target as PutRequest | PartRequest, options));
        }
        const delayMs = backoffMs(failures, random());
        const { patience } = this.#options;
        if (patience !== 'forever' && clock.nowMs() + delayMs - failingSinceMs > patience) throw error;
        await this.#waiting(isThrottle(error) ? `store ${this.#inner.name} throttles` : error.message, () => clock.sleep(delayMs, signal));
        if (lost && operation === 'completeUpload') throwIfAny(await whyNotRepeated(this.#asking(), target as CompleteRequest, error, options));
      }
    }
  }

  async #once<T>(operation: StoreOperation, isRetry: boolean, signal: AbortSignal | undefined, send: () => Promise<T>): Promise<T> {
    const { governor, observe } = this.#deps;
    const { requestClass } = OPERATIONS[operation];
    const store = this.#inner.name;
    signal?.throwIfAborted();
    if (!this.#allowance.tryRequest()) await this.#allowance.request(signal);
    if (isRetry || !governor.tryAdmit()) {
      if (governor.isThrottled()) await this.#waiting(`store ${store} throttles`, () => governor.admit(isRetry, signal));
      else await governor.admit(isRetry, signal);
    }
    this.requests[requestClass] += 1;
    observe?.({ kind: 'request', store, requestClass });
    if (isRetry) {
      this.retried += 1;
      observe?.({ kind: 'retry', store, requestClass });
    }
    try {
      const answer = await send();
      governor.succeeded();
      return answer;
    } catch (error) {
      if (isThrottle(error)) observe?.({ kind: 'throttle', store, requestClass });
      throw error;
    }
  }

  /** The few verbs by which a lost refusal is found out: one try each, counted and paced like all others. */
  #asking(): Asking {
    const inner = this.#inner;
    return {
      name: inner.name,
      head: (ref, options) => this.#once('head', false, options?.signal, () => inner.head(ref, options)),
      listParts: (ref, options) => this.#once('listParts', false, options?.signal, () => inner.listParts(ref, options)),
      createUpload: (request, options) => this.#once('createUpload', false, options?.signal, () => inner.createUpload(request, options)),
      abortUpload: (ref, options) => this.#once('abortUpload', false, options?.signal, () => inner.abortUpload(ref, options)),
    };
  }

  async #waiting(what: string, wait: () => Promise<void>): Promise<void> {
    const id = Symbol(what);
    this.#waits.set(id, what);
    try {
      await wait();
    } finally {
      this.#waits.delete(id);
    }
  }

  #call(operation: StoreOperation, target: Target): FailedCall {
    return { store: this.#inner.name, bucket: target.bucket, key: target.key, operation };
  }
}

function throwIfAny(reason: Error | undefined): void {
  if (reason) throw reason;
}

function afterBytes({ code, message, context, cause }: TributaryError, receivedBytes: number): TributaryError {
  return new TributaryError(code, message, { ...context, receivedBytes }, { cause });
}
