/** `findLeaseHolder`: who writes to a target. */
import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import type { ControlActivities } from '../contracts/activities.ts';
import { ENDED_STATUSES } from '../contracts/names.ts';
import { boundary } from './boundary.ts';
import type { ActivityDeps } from './deps.ts';

export function createFindLeaseHolder({ temporal }: ActivityDeps): ControlActivities['findLeaseHolder'] {
  return ({ leaseId }) => boundary(async () => {
    const lease = await describe(temporal, leaseId);
    if (!lease || ENDED_STATUSES.has(lease.status.name)) return null;
    const { parentExecution } = lease;
    if (!parentExecution?.workflowId) return leaseId;
    const holder = await describe(temporal, parentExecution.workflowId, parentExecution.runId ?? undefined);
    if (holder && !ENDED_STATUSES.has(holder.status.name)) return parentExecution.workflowId;
    // Nobody holds it any more: its run was reset, or has ended and the lease has not heard of it yet.
    await temporal.workflow.getHandle(leaseId, lease.runId).terminate('the run that held this lease has ended');
    return null;
  });
}

async function describe(temporal: Client, workflowId: string, runId?: string): Promise<Awaited<ReturnType<ReturnType<Client['workflow']['getHandle']>['describe']>> | null> {
  try {
    return await temporal.workflow.getHandle(workflowId, runId).describe();
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
    throw error;
  }
}
