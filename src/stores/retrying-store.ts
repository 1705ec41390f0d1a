/**
 * The port with retries, limits and counting: what a session hands out.
 *
 * Invariants:
 * - A transient failure is tried again after a back-off, for as long as the session has patience; a permanent one is thrown at once.
 * - Every wait ends at once with the reason of an aborted signal.
 * - `readInto` goes on from the byte it reached (`Reading`); damage on the way passes with another try, else it is TRB-SOURCE-CORRUPT.
 * - A write with `ifNoneMatch` whose answer was lost is sent again; if the first try had been carried out, the second is refused: the caller
 *   gets TRB-CHUNK-CONFLICT and settles by `head` whose object it is. `completeUpload` is repeated while its upload is there; once it is
 *   gone, the caller gets TRB-NO-SUCH-KEY and settles by `head` too. What a success is worth that may be a repeated one, `head` says.
 * - Requests are counted when they are sent. `listParts`, `listUploads` and `putStream` count one a call, though a long one takes several.
 */
import { isTributaryError } from '../contracts/errors.ts';
import type { OutputOptions } from '../contracts/merge.ts';
import type { Requests } from '../contracts/tally.ts';
import { Allowance } from './allowance.ts';
import { classifyStoreError, isThrottle, wrongAnswer, type FailedCall } from './classify.ts';
import type { Clock } from './clock.ts';
import type { Governor } from './governor.ts';
import type { CallOptions, CompleteRequest, ObjectStore, PartRequest, PutRequest, ReadOptions, ReadRequest, ReadResult } from './object-store.ts';
import { OPERATIONS, type StoreOperation } from './operations.ts';
import { afterBytes, isRight, Reading } from './reading.ts';
import { whyNotRepeated, whyRefused, type Asking } from './refused-write.ts';
import type { SessionOptions, StoreSession } from './registry.ts';
import { backoffMs, maxTries, mayHaveActed } from './retry-policy.ts';

/** Told what happens on the way to a store, for metrics. */
export type RequestObserver = (kind: 'request' | 'retry' | 'throttle', store: string, requestClass: keyof Requests) => void;

export interface RetryDeps {
  readonly governor: Governor;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly observe?: RequestObserver | undefined;
}

/** A call, try after try. */
interface Tries<T> {
  readonly send: () => Promise<T>;
  /** @throws what makes an answer a failure */
  accept?(answer: T): void;
  /** Whether the try that failed came further than the one before, so that its failure is the first one again. */
  hasProgressed?(error: unknown): boolean;
  /** What the caller is told, after the last try. */
  meaningOf?(error: unknown): unknown;
}

interface Failures {
  count: number;
  /** Those that are not tried for ever. A network that was away before does not count among them. */
  rare: number;
  sinceMs: number;
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
      (request: R, options: CallOptions = {}): Promise<T> => this.#withRetries(operation, request, options, { send: () => send(request, options) });
    return {
      name: inner.name,
      list: (request, options = {}) => this.#withRetries('list', request, options, {
        send: () => inner.list(request, options),
        accept: ({ next }) => {
          // Whoever follows it would walk for ever.
          if (next !== undefined && next === request.continuationToken) throw wrongAnswer(this.#call('list', { ...request, key: request.prefix }), 'a page that names itself as the next one', 200);
        },
      }),
      readInto: (request, into, options = {}) => this.#readInto(request, into, options),
      get: (ref, options = {}) => this.#withRetries('get', ref, options, { send: () => inner.get(ref, options) }),
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
      headBucket: (bucket, options = {}) => this.#withRetries('headBucket', { bucket }, options, { send: () => inner.headBucket(bucket, options) }),
      createBucket: (bucket, options = {}) => this.#withRetries('createBucket', { bucket }, options, { send: () => inner.createBucket(bucket, options) }),
      close: () => undefined,
    };
  }

  #encrypted<R extends { readonly output?: OutputOptions }>(request: R): R {
    const { encryption } = this.#options;
    return encryption === undefined ? request : { ...request, output: { encryption, ...request.output } };
  }

  /** A range of an object is read in steps where bytes are limited. What is read whole is not: its checksum could not be seen. */
  #readInto(request: ReadRequest, into: Uint8Array, options: ReadOptions): Promise<ReadResult> {
    const stepBytes = request.lengthBytes < request.sizeBytes ? this.#allowance.stepBytes : Infinity;
    return request.lengthBytes <= stepBytes ? this.#readAtOnce(request, into, options) : this.#readInSteps(request, into, options, stepBytes);
  }

  async #readInSteps(request: ReadRequest, into: Uint8Array, options: ReadOptions, stepBytes: number): Promise<ReadResult> {
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

  #readAtOnce(request: ReadRequest, into: Uint8Array, options: ReadOptions): Promise<ReadResult> {
    const { signal } = options;
    const allowance = this.#allowance;
    if (!allowance.tryBytes(request.lengthBytes)) return allowance.bytes(request.lengthBytes, signal).then(() => this.#read(request, into, options));
    // The way of every small read: where nothing is to be waited for, no more is made than the request.
    if (signal?.aborted || allowance.limitsDownloads) return this.#read(request, into, options);
    const admitted = this.#admit(false, signal);
    if (admitted) return this.#read(request, into, options, admitted.then(() => this.#sendRead(request, into, options)));
    const first = this.#sendRead(request, into, options);
    return first.then((result) => {
      if (!isRight(result, into, request.lengthBytes)) return this.#read(request, into, options, first);
      this.#deps.governor.succeeded();
      return result;
    }, () => this.#read(request, into, options, first));
  }

  #sendRead(request: ReadRequest, into: Uint8Array, options: ReadOptions): Promise<ReadResult> {
    this.#count('readInto', false);
    return this.#inner.readInto(request, into, options);
  }

  /** @param first the first try, where it was made already */
  #read(request: ReadRequest, into: Uint8Array, options: ReadOptions, first?: Promise<ReadResult>): Promise<ReadResult> {
    return this.#withRetries('readInto', request, options, new Reading(this.#inner, this.#allowance, request, into, options), first);
  }

  /** @param first the first try, where it was made already */
  async #withRetries<T>(operation: StoreOperation, target: Target, options: CallOptions, tries: Tries<T>, first?: Promise<T>): Promise<T> {
    const failures: Failures = { count: 0, rare: 0, sinceMs: 0 };
    for (let isRetry = false, made = first; ; isRetry = true, made = undefined) {
      try {
        if (!made) {
          await this.#admit(isRetry, options.signal);
          this.#count(operation, isRetry);
        }
        const answer = await (made ?? tries.send());
        tries.accept?.(answer);
        this.#deps.governor.succeeded();
        return answer;
      } catch (thrown) {
        await this.#failed(operation, target, options, tries, failures, thrown);
      }
    }
  }

  /** Waits until the call may be tried again. @throws what the caller is told, where it is not */
  async #failed<T>(operation: StoreOperation, target: Target, options: CallOptions, tries: Tries<T>, failures: Failures, thrown: unknown): Promise<void> {
    const { clock, random, governor } = this.#deps;
    const { signal } = options;
    this.#noteThrottle(operation, thrown);
    if (tries.hasProgressed?.(thrown)) failures.count = failures.rare = 0;
    signal?.throwIfAborted();
    try {
      const error = classifyStoreError(thrown, this.#call(operation, target));
      if (isThrottle(error)) governor.throttled();
      failures.count += 1;
      if (failures.count === 1) failures.sinceMs = clock.nowMs();
      const triesAtMost = maxTries(operation, error);
      if (triesAtMost < Infinity) failures.rare += 1;
      if (failures.rare >= triesAtMost) throw error;
      const lost = mayHaveActed(error);
      if (lost && error.code === 'TRB-STORE-UNREACHABLE' && (operation === 'put' || operation === 'uploadPart')) {
        throwIfAny(await whyRefused(this.#asking(), target as PutRequest | PartRequest, options));
      }
      const delayMs = backoffMs(failures.count, random());
      const { patience } = this.#options;
      if (patience !== 'forever' && clock.nowMs() + delayMs - failures.sinceMs > patience) throw error;
      await this.#waiting(isThrottle(error) ? `store ${this.#inner.name} throttles` : error.message, () => clock.sleep(delayMs, signal));
      if (lost && operation === 'completeUpload') throwIfAny(await whyNotRepeated(this.#asking(), target as CompleteRequest, error, options));
    } catch (error) {
      signal?.throwIfAborted();
      throw tries.meaningOf?.(error) ?? error;
    }
  }

  async #once<T>(operation: StoreOperation, signal: AbortSignal | undefined, send: () => Promise<T>): Promise<T> {
    await this.#admit(false, signal);
    this.#count(operation, false);
    try {
      const answer = await send();
      this.#deps.governor.succeeded();
      return answer;
    } catch (error) {
      this.#noteThrottle(operation, error);
      throw error;
    }
  }

  /** Pays for a request; undefined where that could be done at once. @throws the signal's reason */
  #admit(isRetry: boolean, signal: AbortSignal | undefined): Promise<void> | undefined {
    signal?.throwIfAborted();
    const allowed = this.#allowance.tryRequest() ? undefined : this.#allowance.request(signal);
    return !allowed && !isRetry && this.#deps.governor.tryAdmit() ? undefined : this.#admitLater(allowed, isRetry, signal);
  }

  async #admitLater(allowed: Promise<void> | undefined, isRetry: boolean, signal: AbortSignal | undefined): Promise<void> {
    const { governor } = this.#deps;
    await allowed;
    if (governor.isThrottled()) await this.#waiting(`store ${this.#inner.name} throttles`, () => governor.admit(isRetry, signal));
    else await governor.admit(isRetry, signal);
  }

  #count(operation: StoreOperation, isRetry: boolean): void {
    const { requestClass } = OPERATIONS[operation];
    this.requests[requestClass] += 1;
    this.#deps.observe?.('request', this.#inner.name, requestClass);
    if (!isRetry) return;
    this.retried += 1;
    this.#deps.observe?.('retry', this.#inner.name, requestClass);
  }

  #noteThrottle(operation: StoreOperation, error: unknown): void {
    if (isThrottle(error)) this.#deps.observe?.('throttle', this.#inner.name, OPERATIONS[operation].requestClass);
  }

  /** The few verbs by which a lost refusal is found out: one try each, counted and paced like all others. */
  #asking(): Asking {
    const inner = this.#inner;
    return {
      name: inner.name,
      head: (ref, options) => this.#once('head', options?.signal, () => inner.head(ref, options)),
      listParts: (ref, options) => this.#once('listParts', options?.signal, () => inner.listParts(ref, options)),
      createUpload: (request, options) => this.#once('createUpload', options?.signal, () => inner.createUpload(this.#encrypted(request), options)),
      abortUpload: (ref, options) => this.#once('abortUpload', options?.signal, () => inner.abortUpload(ref, options)),
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

