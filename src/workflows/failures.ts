/** Failures on their way through the tree of workflows. */
import { ActivityFailure, ApplicationFailure, ChildWorkflowFailure } from '@temporalio/workflow';
import { emptyTally, type Tally } from '../contracts/tally.ts';

/** The failure that started it, without the layers of activities and children around it. */
export function rootCause(error: unknown): unknown {
  let cause = error;
  while ((cause instanceof ActivityFailure || cause instanceof ChildWorkflowFailure) && cause.cause) cause = cause.cause;
  return cause;
}

/** What a report says of the failure that ended its run. */
export function reportedFailure(error: unknown): { readonly code: string; readonly facts: Readonly<Record<string, unknown>> } {
  const { type, message, details } = asFailure(error, emptyTally());
  return { code: type ?? 'TRB-INTERNAL', facts: { message, ...(details?.[0] as Readonly<Record<string, unknown>> | undefined) } };
}

/**
 * The failure that a workflow ends with: the same code, message and facts for whoever waits for it, with the counts so far.
 * Never a raw error: that would fail the workflow task, which is retried for ever.
 */
export function asFailure(error: unknown, tally: Tally): ApplicationFailure {
  const cause = rootCause(error);
  if (cause instanceof ApplicationFailure) {
    const failure = ApplicationFailure.create({ message: cause.message, type: cause.type ?? 'TRB-INTERNAL', nonRetryable: true, details: [cause.details?.[0] ?? {}, tally] });
    // The message says all; where in our code it was passed on tells the reader of `temporal workflow result` nothing.
    failure.stack = '';
    return failure;
  }
  const message = cause instanceof Error ? cause.message : String(cause);
  return ApplicationFailure.create({ message, type: 'TRB-INTERNAL', nonRetryable: true, details: [{}, tally] });
}

/** The counts that a failed child had reached. */
export function tallyOfFailure(error: unknown): Tally {
  const cause = rootCause(error);
  const tally: unknown = cause instanceof ApplicationFailure ? cause.details?.[1] : undefined;
  return isTally(tally) ? tally : emptyTally();
}

function isTally(value: unknown): value is Tally {
  return typeof value === 'object' && value !== null && 'doneObjects' in value;
}
