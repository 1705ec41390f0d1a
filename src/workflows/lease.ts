/** Holding the lease on a target. */
import { ApplicationFailure, CancelledFailure, getExternalWorkflowHandle, log, ParentClosePolicy, sleep, startChild, type ChildWorkflowHandle } from '@temporalio/workflow';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { leaseId } from './ids.ts';
import { releaseSignal } from './messages.ts';
import { callsWith } from './proxies.ts';
import { onReset } from './resets.ts';
import { targetLease } from './target-lease.ts';

/** Tries when a lease seems to be free and taken at once: its holder is just ending. */
const TRIES = 5;

type Taken = ChildWorkflowHandle<typeof targetLease>;

export interface Lease {
  /** @throws TRB-TARGET-BUSY where it is another run's by now */
  confirm(): Promise<void>;
  release(): Promise<void>;
}

/**
 * Takes the lease, and again after each reset: the lease of the execution before it may have ended with it, and be another run's now.
 * @param onLost told where another run has it by then; this one has to stop writing
 * @throws TRB-TARGET-BUSY with the name of the run that writes to the target
 */
export async function holdLease(targetHash: string, target: string, onLost: () => void): Promise<Lease> {
  let taken = takeLease(targetHash, target);
  await taken;
  const stopListening = onReset(() => {
    taken = taken.then(() => takeLease(targetHash, target));
    taken.catch(onLost);
  });
  return {
    confirm: async () => { await taken; },
    release: async () => {
      stopListening();
      const lease = await taken.catch(() => null);
      if (lease) await release(lease);
    },
  };
}

async function takeLease(targetHash: string, target: string): Promise<Taken> {
  const workflowId = leaseId(targetHash);
  let holder: string | null = null;
  for (let attempt = 1; attempt <= TRIES; attempt += 1) {
    try {
      return await startChild(targetLease, { workflowId, staticSummary: `writer of ${target}`, parentClosePolicy: ParentClosePolicy.TERMINATE });
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    }
    holder = await callsWith().short.findLeaseHolder({ leaseId: workflowId });
    if (holder !== null) break;
    // That of a run that was reset has been ended by that look.
    if (attempt > 1) await sleep('500ms');
  }
  throw ApplicationFailure.create({
    type: 'TRB-TARGET-BUSY', nonRetryable: true, message: `the run ${holder ?? 'of another client'} is writing to ${target}`, details: [{ run: holder ?? '', target }],
  });
}

/** Where the lease has ended before, as that of a run that was reset after its end, there is nothing to give back. */
async function release(lease: Taken): Promise<void> {
  try {
    // By both its ids: a run that was reset may not tell its children as children, and the next lease of this name is another run's.
    await getExternalWorkflowHandle(lease.workflowId, lease.firstExecutionRunId).signal(releaseSignal);
  } catch (error) {
    if (error instanceof CancelledFailure) throw error;
    log.info('the lease has ended before', { lease: lease.workflowId });
    return;
  }
  await lease.result();
}
