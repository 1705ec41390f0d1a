/** Follows a run to its end: shows where it stands, and waits for its result. */
import { setTimeout as sleep } from 'node:timers/promises';
import { ERRORS, isTributaryError } from '../contracts/errors.ts';
import type { PlanReport, Report } from '../contracts/report.ts';
import { parseDurationMs } from '../contracts/units.ts';
import type { Output } from './output.ts';
import { ProgressDisplay } from './progress-display.ts';
import type { Run } from './runs.ts';
import type { Session } from './session.ts';

export interface FollowOptions {
  /** `30s`: how often progress is told where it is not on a terminal. */
  readonly stats: string;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
}

/** The run's answer, or that the reader left first. */
export type Followed = { readonly ended: true; readonly result: Report | PlanReport } | { readonly ended: false };

/** A run that is over by then needs no look. */
const FIRST_LOOK_MS = 750;
const SHORTEST_PAUSE_MS = 1_000;
/** A look costs calls to the server: at most a third of the time goes into looking. */
const PAUSE_PER_LOOK = 2;
const RETRY_MS = 1_000;

/** @throws what the run failed with; what the worker in this process failed with */
export async function follow(session: Session, run: Run, output: Output, options: FollowOptions): Promise<Followed> {
  const stop = new AbortController();
  const display = await ProgressDisplay.open(output, parseDurationMs(options.stats) ?? 30_000);
  // Whoever leaves takes back what was asked: a connection must not be closed under a call.
  const ask = async <T>(call: () => Promise<T>): Promise<T> => session.runs.client.withAbortSignal(stop.signal, call);
  const looking = ask(() => look(session, run, display, stop.signal));
  const resulting = ask(() => resultOf(run, output, stop.signal));
  const left = new Promise<Followed>((resolve) => {
    const leave = (): void => { resolve({ ended: false }); };
    if (options.signal.aborted) leave();
    options.signal.addEventListener('abort', leave, { once: true });
  });
  try {
    return await Promise.race([resulting, left, session.workerFailed]);
  } finally {
    stop.abort();
    await Promise.allSettled([looking, resulting]);
    display.end();
  }
}

/** The server may be away for a while: the run goes on without us, and we wait for both. */
async function resultOf(run: Run, output: Output, signal: AbortSignal): Promise<Followed> {
  for (let told = false; ; told = true) {
    try {
      return { ended: true, result: await run.result() };
    } catch (error) {
      if (!isTributaryError(error) || error.code !== 'TRB-TEMPORAL-UNREACHABLE' || signal.aborted) throw error;
      if (!told) output.warn(`${error.message}; trying again until it does`);
      await pause(RETRY_MS, signal);
    }
  }
}

async function look(session: Session, run: Run, display: ProgressDisplay, signal: AbortSignal): Promise<void> {
  await pause(FIRST_LOOK_MS, signal);
  while (!signal.aborted) {
    const startedMs = Date.now();
    try {
      const progress = await run.progress();
      display.show(progress);
    } catch (error) {
      // Nobody answers: the result, when it comes, is what counts. Until then say what is missing.
      display.trouble(whatIsMissing(session, error));
    }
    await pause(Math.max(SHORTEST_PAUSE_MS, (Date.now() - startedMs) * PAUSE_PER_LOOK), signal);
  }
}

function whatIsMissing({ where }: Session, error: unknown): string | null {
  // The worker in this process is just starting.
  if (where.kind === 'embedded' || !isTributaryError(error)) return null;
  if (error.code === 'TRB-NO-WORKER') return `${error.message}. ${ERRORS[error.code].remedy}`;
  return error.code === 'TRB-TEMPORAL-UNREACHABLE' ? error.message : null;
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}
