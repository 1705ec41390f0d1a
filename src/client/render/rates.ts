/** How fast a run moves, from samples of its counts. It owns the samples of the last 15 seconds; they come in order of time. */

interface Sample { readonly atMs: number; readonly bytes: number; readonly lines: number }

export interface Rates { readonly bytesPerSecond: number; readonly linesPerSecond: number }

const WINDOW_MS = 15_000;

export class RateMeter {
  readonly #samples: Sample[] = [];

  add(sample: Sample): void {
    this.#samples.push(sample);
    // One sample from before the window stays, so that the window is always covered.
    while (this.#samples.length > 2 && (this.#samples[1]?.atMs ?? 0) <= sample.atMs - WINDOW_MS) this.#samples.shift();
  }

  /** Null until two samples tell something. */
  get rates(): Rates | null {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (!first || !last || last.atMs === first.atMs) return null;
    const seconds = (last.atMs - first.atMs) / 1000;
    return { bytesPerSecond: Math.max(0, last.bytes - first.bytes) / seconds, linesPerSecond: Math.max(0, last.lines - first.lines) / seconds };
  }
}
