/** The batches of one work page: a bounded window of them, in `mergePrefix` children. */
import { ParentClosePolicy, startChild } from '@temporalio/workflow';
import type { BatchSummaries, RunRef } from '../contracts/activities.ts';
import { addTally, emptyTally, type Tally } from '../contracts/tally.ts';
import { bounded } from './bounded.ts';
import { wholeBatch, type Chain } from './chains.ts';
import type { Control } from './control.ts';
import { tallyOfFailure } from './failures.ts';
import { batchId } from './ids.ts';
import { mergePrefix } from './merge-prefix.ts';
import { callsWith } from './proxies.ts';

/**
 * Batches of a child, at most, where the run may have all of its batches under way at once. A child costs the server and a worker a dozen steps, as
 * much as reading a thousand small objects. Where others wait their turn, each is a child of its own: the end of one is what lets the next begin.
 */
const BATCHES_PER_CHILD = 4;

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
  // What is changed during a pause holds from the first child on.
  await control.mayGoOn();
  const window = (): number => Math.min(control.limits.parallelGroups, batches);
  const whole = Array.from({ length: batches }, (_, batch) => wholeBatch(batch, summaries[batch]?.text ?? `batch ${batch}`, summaries[batch]?.groups ?? 1));
  const children = batches <= window() ? Math.ceil(batches / BATCHES_PER_CHILD) : batches;
  const from = (child: number): number => Math.floor(child * batches / children);
  await bounded(children, window, () => control.mayGoOn(), async (child) => {
    const taken = whole.slice(from(child), from(child + 1));
    state.running += taken.length;
    onChange();
    try {
      const tally = await control.withChild(() => startChild(mergePrefix, {
        workflowId: batchId(page, taken.map(({ batch }) => batch)),
        args: [{ run, planHash, page, limits: control.limits, onError, heartbeatTimeoutMs, batchesOfPage: batches, chains: taken }],
        staticSummary: summaryOf(taken),
        parentClosePolicy: ParentClosePolicy.TERMINATE,
      }));
      state.tally = addTally(state.tally, tally);
      state.done += taken.length;
    } catch (error) {
      state.tally = addTally(state.tally, tallyOfFailure(error));
      throw error;
    } finally {
      state.running -= taken.length;
      onChange();
    }
  }, () => { control.cancel(); });
}

function summaryOf(batches: readonly Chain[]): string {
  const first = batches[0]?.summary ?? '';
  return batches.length === 1 ? first : `${batches.length} batches, the first: ${first}`;
}
