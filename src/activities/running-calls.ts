/** Which workers move bytes for a run at this moment, as Temporal knows it. It is only asked: nothing of this is in history. */
import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import { WORKFLOWS } from '../contracts/names.ts';

export interface CallsOfRun {
  /** Calls that run, by the identity of their worker. */
  readonly running: ReadonlyMap<string, number>;
  /** Questions that this took. */
  readonly asked: number;
}

/** PENDING_ACTIVITY_STATE_STARTED and _CANCEL_REQUESTED. Others wait for a worker, or for their next attempt, or an operator has the server pause them. */
const AT_WORK = new Set([2, 3]);

/** @param state of a pending activity, as Temporal says it */
export function isAtWork(state: unknown): boolean {
  return AT_WORK.has(Number(state));
}

/** @param runId id of the root workflow @throws where Temporal does not answer */
export async function callsOfRun(temporal: Client, runId: string): Promise<CallsOfRun> {
  const running = new Map<string, number>();
  let asked = 0;
  const walk = async (workflowId: string, isBatch: boolean): Promise<void> => {
    asked += 1;
    const { pendingActivities: calls, pendingChildren: children } = await describe(temporal, workflowId);
    for (const { state, lastWorkerIdentity } of isBatch ? calls ?? [] : []) {
      if (isAtWork(state) && lastWorkerIdentity) running.set(lastWorkerIdentity, (running.get(lastWorkerIdentity) ?? 0) + 1);
    }
    await Promise.all((children ?? []).map(async ({ workflowId: child, workflowTypeName: type }) => {
      if (child && (type === WORKFLOWS.mergePage || type === WORKFLOWS.mergePrefix)) await walk(child, type === WORKFLOWS.mergePrefix);
    }));
  };
  await walk(runId, false);
  return { running, asked };
}

type Description = Awaited<ReturnType<ReturnType<Client['workflow']['getHandle']>['describe']>>['raw'];

/** One that is not there yet, or no more, has no calls. */
async function describe(temporal: Client, workflowId: string): Promise<Pick<Description, 'pendingActivities' | 'pendingChildren'>> {
  try {
    return (await temporal.workflow.getHandle(workflowId).describe()).raw;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return {};
    throw error;
  }
}
