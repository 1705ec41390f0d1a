/** `mergePrefix`: merges one batch, call after call, each from the cursor of the one before. */
import { CancellationScope, continueAsNew, setHandler, workflowInfo } from '@temporalio/workflow';
import type { MergeChunksResult, RunRef } from '../contracts/activities.ts';
import type { MergeCursor } from '../contracts/cursor.ts';
import type { Limits } from '../contracts/limits.ts';
import { emptyTally, type Tally } from '../contracts/tally.ts';
import { Control } from './control.ts';
import { asFailure, rootCause, tallyOfFailure } from './failures.ts';
import { branchProgressQuery } from './messages.ts';
import { moving } from './proxies.ts';

export interface MergePrefixInput {
  readonly run: RunRef;
  readonly planHash: string;
  readonly page: number;
  readonly batch: number;
  readonly limits: Limits;
  readonly onError: 'continue' | 'stop';
  /** Where a run of this workflow before this one had come to. */
  readonly cursor: MergeCursor | null;
  readonly recovering: boolean;
}

export async function mergePrefix(input: MergePrefixInput): Promise<Tally> {
  const control = new Control(input.limits);
  let { cursor, recovering } = input;
  const tally = (): Tally => cursor?.tally ?? emptyTally();
  setHandler(branchProgressQuery, () => ({
    tally: tally(), state: control.state, batches: { total: 1, done: cursor?.done ? 1 : 0, running: control.paused || cursor?.done ? 0 : 1 },
  }));
  return CancellationScope.nonCancellable(async () => {
    try {
      for (let call = 1; !cursor?.done && await control.mayGoOn(); call += 1) {
        if (workflowInfo().continueAsNewSuggested) await continueAsNew<typeof mergePrefix>({ ...input, limits: control.limits, cursor, recovering });
        const { run, planHash, page, batch, onError } = input;
        const { mergeChunks } = moving(call === 1 ? 'merge' : `merge, call ${call}`);
        const result = await control.interruptible(
          () => mergeChunks({ run, planHash, page, batch, cursor, limits: control.limits, onError, recovering }),
          lastHeartbeat,
        );
        recovering = result === null || 'lost' in result;
        cursor = result?.cursor ?? cursor;
      }
      return tally();
    } catch (error) {
      const cause = rootCause(error);
      throw isContinuation(cause) ? cause : asFailure(error, merged(tallyOfFailure(error), tally()));
    }
  });
}

/** A failed call tells how far it came; where it does not, the counts before it stand. */
function merged(ofFailure: Tally, before: Tally): Tally {
  return ofFailure.doneObjects >= before.doneObjects ? ofFailure : before;
}

function isContinuation(error: unknown): boolean {
  return error instanceof Error && error.name === 'ContinueAsNew';
}

/** A call that died leaves the cursor of its last heartbeat, and perhaps uploads that began after it. */
function lastHeartbeat(details: unknown): (MergeChunksResult & { readonly lost: true }) | null {
  return typeof details === 'object' && details !== null && 'low' in details ? { cursor: details as MergeCursor, lost: true } : null;
}
