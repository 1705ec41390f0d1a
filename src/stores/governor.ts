/**
 * What all sessions of one store share: how fast requests may go to it, and how many of them may be repeats.
 *
 * Invariants:
 * - Without a throttling answer there is no limit but the configured one.
 * - A throttling answer halves the rate that was measured, at most once a second, however many requests got one: those in flight
 *   together are one event. From then on the rate grows by itself until it is far above the one that was refused, and the limit goes.
 * - Repeats are paid from a budget that time and successes fill, so that a store that half works is not asked twice as much.
 */
import type { Clock } from './clock.ts';
import { Pacer } from './pacer.ts';

const MIN_RATE = 1;
const CUT_INTERVAL_MS = 1_000;
/** A doubling in about five seconds. */
const GROWTH_PER_SECOND = 1.15;
/** The limit is lifted at this multiple of the rate that was refused. */
const FREE_AT = 4;
const MEASURE_MS = 1_000;

const RETRIES_PER_SECOND = 10;
const RETRY_RESERVE = 100;
const RETRY_CREDIT_PER_SUCCESS = 0.1;

export interface GovernorOptions {
  readonly clock: Clock;
  /** Upper bound of requests a second. Default: none. */
  readonly requestsPerSecond?: number | undefined;
}

export class Governor {
  readonly #clock: Clock;
  readonly #configured: number;
  readonly #pacer: Pacer;
  readonly #retries: Pacer;
  /** Rate at the last cut, when that was, and the rate that was refused; undefined while the store has not complained. */
  #cut: { readonly rate: number; readonly atMs: number; readonly refusedRate: number } | undefined;
  #window = { startedMs: 0, sent: 0, previousRate: 0 };

  constructor({ clock, requestsPerSecond }: GovernorOptions) {
    this.#clock = clock;
    this.#configured = requestsPerSecond ?? Infinity;
    this.#pacer = new Pacer(() => this.ratePerSecond(), clock);
    this.#retries = new Pacer(() => RETRIES_PER_SECOND, clock, RETRY_RESERVE);
    this.#window.startedMs = clock.nowMs();
  }

  /** Requests a second that may be sent now; Infinity without a limit. */
  ratePerSecond(): number {
    return Math.min(this.#configured, this.#allowed());
  }

  /** Whether the store has asked for fewer requests, and has not recovered. */
  isThrottled(): boolean {
    return this.#allowed() !== Infinity;
  }

  /** Whether a first try may be sent at once; it counts as sent then. */
  tryAdmit(): boolean {
    if (!this.#pacer.tryTake(1)) return false;
    this.#measure().sent += 1;
    return true;
  }

  /** Waits until a request may be sent. @throws the signal's reason */
  async admit(isRetry: boolean, signal?: AbortSignal): Promise<void> {
    if (isRetry) await this.#retries.take(1, signal);
    await this.#pacer.take(1, signal);
    this.#measure().sent += 1;
  }

  succeeded(): void {
    this.#retries.credit(RETRY_CREDIT_PER_SUCCESS);
  }

  /** The store answered that it gets too many requests. */
  throttled(): void {
    const nowMs = this.#clock.nowMs();
    if (this.#cut && nowMs - this.#cut.atMs < CUT_INTERVAL_MS) return;
    const refusedRate = Math.min(this.#measuredRate(nowMs), this.ratePerSecond());
    this.#cut = { rate: Math.max(MIN_RATE, refusedRate / 2), atMs: nowMs, refusedRate };
  }

  #allowed(): number {
    if (this.#cut === undefined) return Infinity;
    const { rate, atMs, refusedRate } = this.#cut;
    const grown = rate * GROWTH_PER_SECOND ** ((this.#clock.nowMs() - atMs) / 1000);
    if (grown <= Math.max(refusedRate, MIN_RATE) * FREE_AT) return grown;
    this.#cut = undefined;
    return Infinity;
  }

  #measure(): { sent: number } {
    const nowMs = this.#clock.nowMs();
    const elapsedMs = nowMs - this.#window.startedMs;
    if (elapsedMs >= MEASURE_MS) this.#window = { startedMs: nowMs, sent: 0, previousRate: (this.#window.sent * 1000) / elapsedMs };
    return this.#window;
  }

  /** Of the last full window and the one that runs, the higher. */
  #measuredRate(nowMs: number): number {
    const { startedMs, sent, previousRate } = this.#window;
    return Math.max(previousRate, (sent * 1000) / Math.max(MEASURE_MS, nowMs - startedMs), MIN_RATE);
  }
}
