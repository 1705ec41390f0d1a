/** `mergePage`: up to 500 batches, so that no history grows with the number of groups. */
import { CancellationScope, setHandler } from '@temporalio/workflow';
import type { Limits } from '../contracts/limits.ts';
import type { Tally } from '../contracts/tally.ts';
import { noBatches, runBatches, type BatchesInput } from './batches.ts';
import { Control } from './control.ts';
import { asFailure } from './failures.ts';
import { branchProgressQuery } from './messages.ts';

export interface MergePageInput extends BatchesInput { readonly limits: Limits }

export async function mergePage(input: MergePageInput): Promise<Tally> {
  const control = new Control(input.limits);
  const state = noBatches();
  setHandler(branchProgressQuery, () => ({ tally: state.tally, state: control.state, batches: { total: input.batches, done: state.done, running: state.running } }));
  return CancellationScope.nonCancellable(async () => {
    try {
      await runBatches(control, input, state, () => undefined);
      return state.tally;
    } catch (error) {
      throw asFailure(error, state.tally);
    }
  });
}
