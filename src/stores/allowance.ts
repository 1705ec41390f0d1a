/**
 * What one run may ask of all stores from this process: all sessions of the run draw on it, whichever call and store they are for. How
 * much that is may change at any time.
 */
import type { Clock } from './clock.ts';
import { Pacer } from './pacer.ts';
import { Permits } from './permits.ts';

/** null: no limit. */
export interface Rates {
  readonly requestsPerSecond: number | null;
  /** Bytes received by `readInto`. */
  readonly bytesPerSecond: number | null;
  /** Requests of `readInto` at the same time. */
  readonly downloads: number | null;
}

/** So much of a second's bytes is asked for at once, where it can be: else a slow run would come in bursts of whole ranges. */
const STEP_SECONDS = 0.25;
const MIN_STEP_BYTES = 256 * 2 ** 10;

export class Allowance {
  readonly #requests: Pacer;
  readonly #bytes: Pacer;
  readonly #downloads = new Permits();
  #rates: Rates = { requestsPerSecond: null, bytesPerSecond: null, downloads: null };

  constructor(clock: Clock) {
    this.#requests = new Pacer(() => this.#rates.requestsPerSecond ?? Infinity, clock);
    this.#bytes = new Pacer(() => this.#rates.bytesPerSecond ?? Infinity, clock);
  }

  set rates(rates: Rates) {
    this.#rates = rates;
    this.#downloads.count = rates.downloads ?? Infinity;
  }

  /** Bytes that a read which can be split should ask for at once. */
  get stepBytes(): number {
    const { bytesPerSecond } = this.#rates;
    return bytesPerSecond === null ? Infinity : Math.max(MIN_STEP_BYTES, Math.floor(bytesPerSecond * STEP_SECONDS));
  }

  /** Whether one more request may be sent now, which counts as sent then. */
  tryRequest(): boolean {
    return this.#requests.tryTake(1);
  }

  /** Waits until one more request may be sent. @throws the signal's reason */
  request(signal?: AbortSignal): Promise<void> {
    return this.#requests.take(1, signal);
  }

  /** Whether so many bytes may be asked for now, which count as asked for then. */
  tryBytes(amount: number): boolean {
    return this.#bytes.tryTake(amount);
  }

  /** Waits until so many bytes may be asked for. @throws the signal's reason */
  bytes(amount: number, signal?: AbortSignal): Promise<void> {
    return this.#bytes.take(amount, signal);
  }

  get limitsDownloads(): boolean {
    return this.#rates.downloads !== null;
  }

  /** Runs one read when it may be under way. @throws what it throws; the signal's reason */
  download<T>(read: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    return this.#downloads.hold(read, signal);
  }
}
