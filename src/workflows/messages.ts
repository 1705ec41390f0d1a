/** The messages that running workflows take. Their names are public API. */
import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type { Limits } from '../contracts/limits.ts';
import { QUERIES, SIGNALS, UPDATES } from '../contracts/names.ts';
import type { BranchProgress, Progress } from '../contracts/progress.ts';

/** Stops every request within seconds, and keeps what was acknowledged. */
export const pauseSignal = defineSignal<[asked?: unknown]>(SIGNALS.pause);
export const resumeSignal = defineSignal<[reason?: unknown]>(SIGNALS.resume);
/** Ends the run with a report of what was done. */
export const cancelSignal = defineSignal<[reason?: unknown]>(SIGNALS.cancel);
/** From a parent to its children: the limits that hold for them. */
export const limitsSignal = defineSignal<[limits: Limits]>(SIGNALS.limits);
/** From a child to its parent: of that pause of the parent's, nothing moves any more. */
export const stoppedSignal = defineSignal<[child: string, pause: number]>(SIGNALS.stopped);
/** From a worker that has nothing to do: one of the running calls is to share what it has left. */
export const shareSignal = defineSignal(SIGNALS.share);
/** Changes some limits of a running run. Returns all of them. */
export const setLimitsUpdate = defineUpdate<Limits, [changes: unknown]>(UPDATES.setLimits);
export const progressQuery = defineQuery<Progress>(QUERIES.progress);
export const branchProgressQuery = defineQuery<BranchProgress>(QUERIES.progress);
