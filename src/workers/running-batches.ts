/** The workflows that make calls, as a worker without work sees them: it has nothing but Temporal to ask. */
import type { Client } from '@temporalio/client';
import { isAtWork } from '../activities/running-calls.ts';
import { QUERIES, SIGNALS, WORKFLOWS } from '../contracts/names.ts';
import type { BranchProgress } from '../contracts/progress.ts';
import type { RunningBatches } from './idle.ts';

const TIMEOUT_MS = 4000;
/** Enough for many workers to choose from. */
const LISTED = 100;

/** @throws where Temporal does not answer; of a workflow that has ended meanwhile, too */
export function runningBatches(client: Client): RunningBatches {
  const soon = <T>(question: () => Promise<T>): Promise<T> => client.withDeadline(Date.now() + TIMEOUT_MS, question);
  return {
    list: () => soon(async () => {
      const { executions } = await client.workflowService.listWorkflowExecutions({
        namespace: client.options.namespace, pageSize: LISTED, query: `WorkflowType = '${WORKFLOWS.mergePrefix}' AND ExecutionStatus = 'Running'`,
      });
      return executions.flatMap(({ execution }) => execution?.workflowId ?? []);
    }),
    canShare: (id) => soon(async () => {
      const batch = client.workflow.getHandle(id);
      // A call that waits for its next attempt would be taken back, and what it had heartbeated is forgotten then; one that an operator has paused would go on as another.
      const { raw: { pendingActivities } } = await batch.describe();
      if (!pendingActivities?.every(({ state }) => isAtWork(state))) return false;
      return (await batch.query<BranchProgress>(QUERIES.progress)).canShare === true;
    }),
    share: (id) => soon(() => client.workflow.getHandle(id).signal(SIGNALS.share)),
  };
}
