/**
 * The boundary of every activity: what comes out of it is a Temporal failure that says the right thing.
 *
 * Invariants:
 * B1. A TributaryError becomes an ApplicationFailure with its code as the type, so that workflows and clients read one list of errors.
 * B2. An abort never escapes as an AbortError (which would hang the attempt on pause or reset) but as a CancelledFailure that holds the last checkpoint: also before
 *     the call begins, since what the attempt before had heartbeated is known here only.
 * B3. On a shutdown of the worker the attempt fails with its last checkpoint and is tried again a second later, elsewhere.
 * B4. A call heartbeats its checkpoint as long as it runs, whatever it waits for: only that its worker is gone ends its attempt.
 */
import { Context } from '@temporalio/activity';
import { ApplicationFailure, ApplicationFailureCategory, CancelledFailure } from '@temporalio/common';
import { isTributaryError } from '../contracts/errors.ts';

export interface BoundaryOptions {
  /** Whether transient errors end the run too: at its start, where a wrong endpoint looks like an outage. */
  readonly failFast?: boolean;
  /** What the next attempt goes on from. */
  readonly checkpoint?: () => unknown;
}

/** Beats come at least this often, and three times in the heartbeat timeout. */
const LONGEST_BEAT_MS = 5000;

/** Runs the body of an activity. @throws ApplicationFailure, CancelledFailure */
export async function boundary<T>(body: (signal: AbortSignal) => Promise<T>, options: BoundaryOptions = {}): Promise<T> {
  const context = Context.current();
  const { cancellationSignal, info: { heartbeatTimeoutMs = Infinity } } = context;
  const beating = setInterval(() => { context.heartbeat(options.checkpoint?.()); }, Math.min(LONGEST_BEAT_MS, heartbeatTimeoutMs / 3));
  try {
    return await body(cancellationSignal);
  } catch (error) {
    throw cancellationSignal.aborted ? interruption(cancellationSignal, options) : asApplicationFailure(error, options);
  } finally {
    clearInterval(beating);
  }
}

/** Why an interrupted activity ends: see B2 and B3. */
export function interruption(signal: AbortSignal, { checkpoint }: BoundaryOptions = {}): Error {
  const details = Context.current().cancellationDetails;
  const reached = checkpoint ? [checkpoint()] : [];
  if (!details?.workerShutdown) return new CancelledFailure(signal.reason instanceof Error ? signal.reason.message : 'CANCELLED', reached);
  return ApplicationFailure.create({
    type: 'WorkerShutdown', message: 'the worker stops; another one goes on', category: ApplicationFailureCategory.BENIGN,
    // Sooner, the server may hand it to a poll of this very worker that it does not know to be closed (seen once in 12 stops, with 1 ms):
    // nobody would run it until its heartbeat timeout.
    nextRetryDelay: '1s', details: reached,
  });
}

function asApplicationFailure(error: unknown, { failFast, checkpoint }: BoundaryOptions): Error {
  if (error instanceof ApplicationFailure) return error;
  if (!isTributaryError(error)) {
    const message = error instanceof Error ? error.message : String(error);
    return ApplicationFailure.create({ type: 'TRB-INTERNAL', message, ...(error instanceof Error ? { cause: error } : {}) });
  }
  return ApplicationFailure.create({
    type: error.code, message: error.message, nonRetryable: !error.retryable || failFast === true,
    details: checkpoint ? [error.context, checkpoint()] : [error.context],
  });
}
