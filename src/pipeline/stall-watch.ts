import type { Limits } from '../contracts/limits.ts';
import type { Clock } from '../stores/clock.ts';
import type { StoreSession } from '../stores/registry.ts';
import type { Prefetch, Wait } from './prefetch.ts';

/** How long a source may keep the groups behind it waiting. */
const STALL_MS = 5000;

/** Notices a source that keeps the reading waiting although the store is not what is slow. To be asked about once a second. */
export class StallWatch {
  readonly #prefetch: Prefetch;
  readonly #source: StoreSession;
  readonly #isUnlimited: boolean;
  readonly #clock: Clock;
  #seen: { readonly wait: Wait; readonly sinceMs: number } | null = null;

  constructor(prefetch: Prefetch, source: StoreSession, limits: Limits, clock: Clock) {
    this.#prefetch = prefetch;
    this.#source = source;
    this.#isUnlimited = limits.bytesPerSecond === null && limits.requestsPerSecond === null && limits.downloads === null;
    this.#clock = clock;
  }

  /** The group whose source has been waited for too long, or null. */
  look(): number | null {
    const { waiting, arrivals } = this.#prefetch;
    if (waiting !== this.#seen?.wait) this.#seen = waiting && { wait: waiting, sinceMs: this.#clock.nowMs() };
    if (!this.#seen || this.#clock.nowMs() - this.#seen.sinceMs < STALL_MS) return null;
    // Others that came meanwhile show that it is this source. Where none could, a limit or a store that is away may be the reason.
    const { wait } = this.#seen;
    return arrivals > wait.arrivals || (this.#isUnlimited && this.#source.waitingFor() === null) ? wait.stretch.group : null;
  }
}
