/** Shows the progress of one run on stderr: redrawn in place on a terminal, else one line each `statsMs`. It owns what it has drawn. */
import type { createLogUpdate } from 'log-update';
import type { LiveProgress } from './live-progress.ts';
import type { Output } from './output.ts';
import { renderProgress, renderProgressLine, type ProgressView } from './render/progress.ts';
import { RateMeter } from './render/rates.ts';

export class ProgressDisplay {
  readonly #output: Output;
  readonly #statsMs: number;
  readonly #meter = new RateMeter();
  readonly #redraw: ReturnType<typeof createLogUpdate> | undefined;
  #last: LiveProgress | undefined;
  #toldMs: number;
  #told: string | null = null;

  private constructor(output: Output, statsMs: number, redraw?: ReturnType<typeof createLogUpdate>) {
    this.#output = output;
    this.#statsMs = statsMs;
    this.#toldMs = Date.now();
    this.#redraw = redraw;
  }

  static async open(output: Output, statsMs: number): Promise<ProgressDisplay> {
    if (!output.isLive) return new ProgressDisplay(output, statsMs);
    // Loaded only where it draws: it takes longer than all else that this command loads of its own.
    const { createLogUpdate } = await import('log-update');
    return new ProgressDisplay(output, statsMs, createLogUpdate(output.messageSink as unknown as NodeJS.WritableStream, { showCursor: true }));
  }

  show(progress: LiveProgress): void {
    const nowMs = Date.now();
    const shown = this.#forward(progress);
    this.#last = shown;
    const { tally, underwayBytes } = shown;
    this.#meter.add({ atMs: nowMs, bytes: tally.doneBytes + tally.partialBytes + tally.failedBytes + underwayBytes, lines: tally.lines });
    this.#draw({ progress: shown, rates: this.#meter.rates, nowMs });
  }

  /** What keeps the run, or us, from going on; null where nothing does. */
  trouble(what: string | null): void {
    if (this.#redraw && this.#last) {
      this.#draw({ progress: { ...this.#last, waiting: what }, rates: null, nowMs: Date.now() });
    } else {
      this.#tell(what);
    }
  }

  /** The last state stays where it was drawn. */
  end(): void {
    this.#redraw?.clear();
    this.#redraw?.done();
  }

  #draw(view: ProgressView): void {
    if (this.#redraw) {
      this.#redraw(renderProgress(view, this.#output.messageStyle).join('\n'));
      return;
    }
    this.#tell(view.progress.waiting);
    if (view.nowMs - this.#toldMs < this.#statsMs) return;
    this.#toldMs = view.nowMs;
    this.#output.say(renderProgressLine(view));
  }

  /** Trouble is told when it comes, once. */
  #tell(what: string | null): void {
    // Attempts are counted up: that alone is no news.
    const kind = what?.replace(/ \([^()]*attempt \d+\)$/, '') ?? null;
    if (kind === null || kind === this.#told) return;
    this.#told = kind;
    this.#output.say(`waiting: ${what ?? ''}`);
  }

  /** Batches that end between two questions are missing from one answer: counts that have been shown are not taken back. */
  #forward(progress: LiveProgress): LiveProgress {
    const before = this.#last;
    if (!before) return progress;
    const isBehind = progress.tally.doneObjects < before.tally.doneObjects || progress.tally.lines < before.tally.lines;
    return isBehind && progress.state !== 'ended' ? { ...progress, tally: before.tally, underwayBytes: before.underwayBytes } : progress;
  }
}
