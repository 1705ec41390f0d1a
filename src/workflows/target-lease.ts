/** `targetLease`: one writer per target. Its id is the target's; it does nothing but exist until its run has ended, of which the server tells it by a cancel request. */
import { CancellationScope } from '@temporalio/workflow';

export async function targetLease(): Promise<void> {
  // Not cancelled by it, but done.
  await CancellationScope.current().cancelRequested.catch(() => undefined);
}
