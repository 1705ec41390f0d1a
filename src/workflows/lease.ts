/** Holding the lease on a target. */
import { ApplicationFailure, ParentClosePolicy, sleep, startChild } from '@temporalio/workflow';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { leaseId } from './ids.ts';
import { callsWith } from './proxies.ts';
import { onReset } from './resets.ts';
import { targetLease } from './target-lease.ts';

/** Tries when a lease seems to be free and taken at once: its holder is just ending. */
const TRIES = 5;

export interface Lease {
  /** @throws TRB-TARGET-BUSY where it is another run's by now */
  confirm(): Promise<void>;
}

/**
 * Takes the lease, and again after each reset: the lease of the execution before it may have ended with it, and be another run's now. However the
 * run ends, the server tells its lease then: so nobody waits for that.
 * @param onLost told where another run has it by then; this one has to stop writing
 * @throws TRB-TARGET-BUSY with the name of the run that writes to the target
 */
export async function holdLease(targetHash: string, target: string, onLost: () => void): Promise<Lease> {
  let taken = takeLease(targetHash, target);
  await taken;
  onReset(() => {
    taken = taken.then(() => takeLease(targetHash, target));
    taken.catch(onLost);
  });
  return { confirm: () => taken };
}

async function takeLease(targetHash: string, target: string): Promise<void> {
  const workflowId = leaseId(targetHash);
  let holder: string | null = null;
  for (let attempt = 1; attempt <= TRIES; attempt += 1) {
    try {
      await startChild(targetLease, { workflowId, staticSummary: `writer of ${target}`, parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL });
      return;
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    }
    holder = await callsWith().short.findLeaseHolder({ leaseId: workflowId });
    if (holder !== null) break;
    // That of a run that has ended, or was reset, has been ended by that look.
    if (attempt > 1) await sleep('500ms');
  }
  throw ApplicationFailure.create({
    type: 'TRB-TARGET-BUSY', nonRetryable: true, message: `the run ${holder ?? 'of another client'} is writing to ${target}`, details: [{ run: holder ?? '', target }],
  });
}
