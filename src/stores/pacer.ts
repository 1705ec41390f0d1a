/**
 * A token bucket with a queue: hands out turns at a rate, first come first served. The rate may change at any time.
 *
 * Invariants: an amount is paid for before its turn, so over any stretch of time no more than the rate allows is handed out,
 * plus one tenth of a second's worth; a waiter that is aborted pays nothing.
 */
import type { Clock } from './clock.ts';

/** What may be saved up while nobody asks, so that late timers cost no rate. */
const BURST_SECONDS = 0.1;
/** Sleeps are cut, so that a rate that rises is noticed. */
const MAX_SLEEP_MS = 500;

interface Waiter { readonly amount: number; readonly admit: () => void }

export class Pacer {
  readonly #ratePerSecond: () => number;
  readonly #clock: Clock;
  readonly #reserve: number;
  readonly #queue: Waiter[] = [];
  #tokens: number;
  #filledMs: number;
  #pumping = false;

  /**
   * @param ratePerSecond units a second; Infinity lifts the limit
   * @param reserve units that can be saved up beyond a tenth of a second's worth; they are there at the start
   */
  constructor(ratePerSecond: () => number, clock: Clock, reserve = 0) {
    this.#ratePerSecond = ratePerSecond;
    this.#clock = clock;
    this.#reserve = reserve;
    this.#tokens = reserve;
    this.#filledMs = clock.nowMs();
  }

  /** Takes a turn of `amount` units, if it can be had at once. Costs less than a wait for nothing. */
  tryTake(amount: number): boolean {
    if (this.#queue.length > 0 || this.#waitMs(amount) > 0) return false;
    this.#tokens -= amount;
    return true;
  }

  /** Waits for a turn of `amount` units. @throws the signal's reason */
  async take(amount: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (this.tryTake(amount)) return;
    await new Promise<void>((resolve, reject) => {
      const onAbort = (): void => {
        this.#queue.splice(this.#queue.indexOf(waiter), 1);
        reject(signal?.reason as Error);
      };
      const waiter: Waiter = {
        amount,
        admit: () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        },
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#queue.push(waiter);
      void this.#pump();
    });
  }

  /** Adds to what is saved up, as far as there is room. */
  credit(amount: number): void {
    this.#tokens = Math.min(this.#tokens + amount, this.#capacity(0));
  }

  async #pump(): Promise<void> {
    if (this.#pumping) return;
    this.#pumping = true;
    for (let head = this.#queue[0]; head !== undefined; head = this.#queue[0]) {
      const waitMs = this.#waitMs(head.amount);
      if (waitMs > 0) {
        await this.#clock.sleep(Math.min(waitMs, MAX_SLEEP_MS));
        continue;
      }
      this.#queue.shift();
      this.#tokens -= head.amount;
      head.admit();
    }
    this.#pumping = false;
  }

  /** Milliseconds until `amount` can be paid for; fills the bucket up to now. */
  #waitMs(amount: number): number {
    const rate = this.#ratePerSecond();
    if (rate === Infinity) {
      // The time is not looked at: where a limit comes later, what fills up since then is bounded all the same.
      this.#tokens = Math.max(this.#tokens, amount);
      return 0;
    }
    const nowMs = this.#clock.nowMs();
    this.#tokens = Math.min(this.#tokens + ((nowMs - this.#filledMs) / 1000) * rate, this.#capacity(amount));
    this.#filledMs = nowMs;
    const missing = amount - this.#tokens;
    // What floating point leaves open is no debt.
    return missing <= amount * 1e-9 ? 0 : Math.max(1, (missing / rate) * 1000);
  }

  #capacity(amount: number): number {
    const rate = this.#ratePerSecond();
    return amount + this.#reserve + (rate === Infinity ? 0 : rate * BURST_SECONDS);
  }
}
