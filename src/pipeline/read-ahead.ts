/**
 * How far a worker reads ahead. It owns one figure: how many slots may be in use before a call that has a request on its way waits with the next.
 *
 * What is sent soon after it landed is still in the processor's cache, and costs the kernel a third less to take and to give. While the event loop has no time
 * to spare, reading further ahead therefore only makes each byte dearer; while it has, requests at the same time hide how long each of them takes.
 * (Measured: docs/decisions/0031.)
 *
 * Invariant: however small the figure is, it keeps nobody from going on: whoever has no request on its way does not ask.
 */
import { performance } from 'node:perf_hooks';

/** Milliseconds since the event loop began. */
interface LoopTimes { readonly idle: number; readonly active: number }

const FIRST_SLOTS = 4;
const FEWEST_SLOTS = 2;
/** The figure changes no sooner than after so much time. */
export const INTERVAL_MS = 25;
/** Shares of the time in which the loop was active: above the one it has none to spare, below the other plenty. */
const BUSY = 0.8;
const EASY = 0.4;

export class ReadAhead {
  readonly #mostSlots: number;
  readonly #measure: () => LoopTimes;
  #slots = FIRST_SLOTS;
  #before: LoopTimes;

  /** @param mostSlots as many as there are */
  constructor(mostSlots: number, measure: () => LoopTimes = () => performance.eventLoopUtilization()) {
    this.#mostSlots = mostSlots;
    this.#measure = measure;
    this.#before = measure();
  }

  /** Whether one more slot may be read into while `heldSlots` are in use. To be asked before each: the figure follows the loop from one question to the next. */
  allows(heldSlots: number): boolean {
    const now = this.#measure();
    const active = now.active - this.#before.active;
    const elapsed = active + now.idle - this.#before.idle;
    if (elapsed >= INTERVAL_MS) {
      this.#before = now;
      if (active > BUSY * elapsed) this.#slots = Math.max(FEWEST_SLOTS, Math.ceil(Math.min(this.#slots, heldSlots) / 2));
      else if (active < EASY * elapsed) this.#slots = Math.min(this.#mostSlots, this.#slots * 2);
    }
    return heldSlots < this.#slots;
  }
}
