/** Taking the lease on a target. */
import { ApplicationFailure, CancelledFailure, getExternalWorkflowHandle, log, ParentClosePolicy, sleep, startChild, type ChildWorkflowHandle } from '@temporalio/workflow';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { leaseId } from './ids.ts';
import { releaseSignal } from './messages.ts';
import { callsWith } from './proxies.ts';
import { targetLease } from './target-lease.ts';

/** Tries when a lease seems to be free and taken at once: its holder is just ending. */
const TRIES = 5;

/** @throws TRB-TARGET-BUSY with the name of the run that writes to the target */
export async function takeLease(targetHash: string, target: string): Promise<ChildWorkflowHandle<typeof targetLease>> {
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
    await sleep('500ms');
  }
  throw ApplicationFailure.create({
    type: 'TRB-TARGET-BUSY', nonRetryable: true, message: `the run ${holder ?? 'of another client'} is writing to ${target}`, details: [{ run: holder ?? '', target }],
  });
}

/** Where the lease has ended before, as that of a run that was reset after its end, there is nothing to give back. */
export async function releaseLease(lease: ChildWorkflowHandle<typeof targetLease>): Promise<void> {
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
