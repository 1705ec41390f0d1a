/** The batches of one work page: a bounded window of `mergePrefix` children. */
import { ParentClosePolicy, startChild } from '@temporalio/workflow';
import type { BatchSummaries, RunRef } from '../contracts/activities.ts';
import { addTally, emptyTally, type Tally } from '../contracts/tally.ts';
import { bounded } from './bounded.ts';
import type { Control } from './control.ts';
import { tallyOfFailure } from './failures.ts';
import { batchId } from './ids.ts';
import { mergePrefix, WHOLE_BATCH } from './merge-prefix.ts';
import { callsWith } from './proxies.ts';

export interface BatchesInput {
  readonly run: RunRef;
  readonly planHash: string;
  readonly page: number;
  readonly batches: number;
  readonly onError: 'continue' | 'stop';
  readonly heartbeatTimeoutMs: number;
  /** Where they are known already. */
  readonly summaries?: BatchSummaries | undefined;
}

/** What has ended so far, and how many run. Changes while `runBatches` goes on. */
export interface BatchesState { tally: Tally; done: number; running: number }

export function noBatches(): BatchesState {
  return { tally: emptyTally(), done: 0, running: 0 };
}

/**
 * Merges the batches of a page, the largest first. On the first failure the others are cancelled, and keep what they have done.
 * @throws the first failure
 */
export async function runBatches(control: Control, input: BatchesInput, state: BatchesState, onChange: () => void): Promise<void> {
  const { run, planHash, page, batches, onError, heartbeatTimeoutMs } = input;
  const summaries = input.summaries ?? await callsWith(heartbeatTimeoutMs).short.describeBatches({ run, planHash, page });
  const window = (): number => Math.max(1, Math.min(control.limits.parallelGroups, batches));
  await bounded(batches, window, () => control.mayGoOn(), async (batch) => {
    state.running += 1;
    onChange();
    try {
      const tally = await control.withChild(() => startChild(mergePrefix, {
        workflowId: batchId(page, batch),
        args: [{ run, planHash, page, batch, limits: control.limits, onError, heartbeatTimeoutMs, chains: WHOLE_BATCH }],
        staticSummary: summaries[batch] ?? `batch ${batch}`,
        parentClosePolicy: ParentClosePolicy.TERMINATE,
      }));
      state.tally = addTally(state.tally, tally);
      state.done += 1;
    } catch (error) {
      state.tally = addTally(state.tally, tallyOfFailure(error));
      throw error;
    } finally {
      state.running -= 1;
      onChange();
    }
  }, () => { control.cancel(); });
}
