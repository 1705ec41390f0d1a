/**
 * What each run may ask of stores from this worker: its share of the run's limits.
 *
 * Invariants:
 * S1. A run's limits are dealt out by calls of `mergeChunks`: a worker's share is its own among all that run anywhere, waiting ones left
 *     out. Every worker that runs calls of a limited run asks Temporal for them about once a second; nothing is in history, and no
 *     request to a store waits for an answer of Temporal.
 * S2. Downloads are dealt out by workers that have calls, which change less often than calls do. Fewer hold at once; more only when every
 *     look of three seconds agrees, since by then every other worker has looked, and one that has left has noticed it. One that comes and
 *     finds others has none for as long. So they add up to no more than the limit, but for those that are under way.
 * S3. Where Temporal does not answer, shares stay what they were. A worker that starts with no answer at all takes its own calls for all.
 */
import type { Logger } from '@temporalio/common';
import type { Limits } from '../contracts/limits.ts';
import { apportion } from '../core/apportion.ts';
import { orAborted } from '../core/or-aborted.ts';
import { Allowance } from '../stores/allowance.ts';
import type { Clock } from '../stores/clock.ts';
import type { CallsOfRun } from './running-calls.ts';

const LOOK_EACH_MS = 1000;
/** How long more downloads are waited for: of looks that are a second apart, and late on a busy machine. */
const AGREED_MS = 3 * LOOK_EACH_MS;
/** A look at many batches takes many questions: a worker asks no more than 50 a second. */
const MS_PER_QUESTION = 20;
/** Runs that are remembered at once, beside those that have calls here. */
const RUNS_KEPT = 64;

export interface RunSharesDeps {
  /** Of this worker, as Temporal knows it. */
  readonly identity: string;
  readonly look: (runId: string) => Promise<CallsOfRun>;
  readonly clock: Clock;
  readonly log: Logger;
}

type Shared = Pick<Limits, 'requestsPerSecond' | 'bytesPerSecond' | 'downloads'>;
type Calls = ReadonlyMap<string, number>;

/** What a look saw. */
interface Seen {
  readonly atMs: number;
  readonly calls: Calls;
}

const NOBODY: Calls = new Map<string, number>();

export class RunShares {
  readonly #deps: RunSharesDeps;
  readonly #runs = new Map<string, RunShare>();

  constructor(deps: RunSharesDeps) {
    this.#deps = deps;
  }

  /** What the sessions of a run draw on. */
  allowanceOf(runId: string): Allowance {
    return this.#of(runId).allowance;
  }

  /** The limits that a run was started with: they hold where nobody has said other ones. */
  begin(runId: string, limits: Shared): void {
    this.#of(runId).begin(limits);
  }

  /** The limits of a run have become these. */
  limit(runId: string, limits: Shared): void {
    this.#of(runId).limit(limits);
  }

  /** Runs `body` as one of the run's calls, when the share of this worker is known. @throws what it throws; the signal's reason */
  async during<T>(runId: string, limits: Shared, signal: AbortSignal, body: () => Promise<T>): Promise<T> {
    const share = this.#of(runId);
    share.enter();
    share.limit(limits);
    try {
      await orAborted(share.known, signal);
      return await body();
    } finally {
      share.leave();
    }
  }

  #of(runId: string): RunShare {
    const known = this.#runs.get(runId);
    if (known) return known;
    const made = new RunShare(runId, this.#deps);
    this.#runs.set(runId, made);
    for (const [id, share] of this.#runs) {
      if (this.#runs.size <= RUNS_KEPT) break;
      if (share.isIdle && share !== made) this.#runs.delete(id);
    }
    return made;
  }
}

class RunShare {
  readonly allowance: Allowance;
  readonly #runId: string;
  readonly #deps: RunSharesDeps;
  #limits: Shared | null = null;
  #calls = 0;
  /** What the looks of the last seconds saw; the oldest first. Calls of this worker are in each, but where it came and found others. */
  #seen: readonly Seen[] = [];
  #watching: Promise<void> | null = null;
  #known: Promise<void> = Promise.resolve();

  constructor(runId: string, deps: RunSharesDeps) {
    this.#runId = runId;
    this.#deps = deps;
    this.allowance = new Allowance(deps.clock);
  }

  get isIdle(): boolean {
    return this.#calls === 0;
  }

  /** Resolves when the share was looked for once, where there is something to share. */
  get known(): Promise<void> {
    return this.#known;
  }

  begin(limits: Shared): void {
    if (this.#limits === null) this.limit(limits);
  }

  limit(limits: Shared): void {
    this.#limits = limits;
    this.#apply();
    this.#watch();
  }

  enter(): void {
    this.#calls += 1;
    this.#watch();
  }

  leave(): void {
    this.#calls -= 1;
  }

  get #isLimited(): boolean {
    return this.#limits !== null && (this.#limits.requestsPerSecond !== null || this.#limits.bytesPerSecond !== null || this.#limits.downloads !== null);
  }

  #watch(): void {
    if (this.#watching || !this.#isLimited || this.#calls === 0) return;
    const first = this.#look();
    this.#known = first.then(() => undefined);
    this.#watching = this.#goOnLooking(first).finally(() => {
      this.#watching = null;
      this.#seen = [];
      this.#apply();
      this.#watch();
    });
  }

  async #goOnLooking(first: Promise<number>): Promise<void> {
    let asked = await first;
    for (;;) {
      await this.#deps.clock.sleep(Math.max(LOOK_EACH_MS, asked * MS_PER_QUESTION));
      if (this.#calls === 0 || !this.#isLimited) return;
      asked = await this.#look();
    }
  }

  /** @returns how many questions it took */
  async #look(): Promise<number> {
    const { look, log } = this.#deps;
    try {
      const { running, asked } = await look(this.#runId);
      this.#saw(running);
      return asked;
    } catch (error) {
      log.debug('the calls of a run could not be looked for', { run: this.#runId, error });
      // Who has never had an answer reckons with its own calls alone: limits that are kept badly are better than a run that waits.
      if (this.#seen.length === 0) this.#saw(NOBODY);
      return 1;
    }
  }

  #saw(running: Calls): void {
    const { identity, clock } = this.#deps;
    const atMs = clock.nowMs();
    // Of its own calls this worker knows more than the server.
    const calls = new Map(running).set(identity, Math.max(1, this.#calls));
    const others = new Map([...running].filter(([worker]) => worker !== identity));
    const before = this.#seen.length === 0 && others.size > 0 ? [{ atMs, calls: others }] : this.#seen;
    // The last two are kept however old they are: looks at many batches are further apart.
    this.#seen = [...before.filter((seen, at) => at === before.length - 1 || atMs - seen.atMs < AGREED_MS), { atMs, calls }];
    this.#apply();
  }

  #apply(): void {
    const { requestsPerSecond = null, bytesPerSecond = null, downloads = null } = this.#limits ?? {};
    const part = this.#part();
    this.allowance.rates = {
      requestsPerSecond: requestsPerSecond === null ? null : requestsPerSecond * part,
      bytesPerSecond: bytesPerSecond === null ? null : bytesPerSecond * part,
      downloads: downloads === null ? null : this.#downloads(downloads),
    };
  }

  /** Of rates. Calls that have just ended are counted, since others follow them: what one look misses, the one before has seen. */
  #part(): number {
    const most = new Map<string, number>();
    for (const { calls } of this.#seen.slice(-2)) for (const [worker, count] of calls) most.set(worker, Math.max(count, most.get(worker) ?? 0));
    const all = [...most.values()].reduce((sum, count) => sum + count, 0);
    // Control data is read and written without a call: where none runs here, it need not be shared.
    return all === 0 ? 1 : (most.get(this.#deps.identity) ?? 0) / all;
  }

  #downloads(limit: number): number {
    if (this.#seen.length === 0) return this.#calls === 0 ? limit : 0;
    const { identity } = this.#deps;
    return Math.min(...this.#seen.map(({ calls }) => apportion(limit, calls.keys()).get(identity) ?? 0));
  }
}
