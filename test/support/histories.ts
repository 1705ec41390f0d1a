/** What a run left in history, with all its children. */
import type { Client, WorkflowHandle } from '@temporalio/client';

export type History = Awaited<ReturnType<WorkflowHandle['fetchHistory']>>;
export interface Recorded { readonly workflowId: string; readonly type: string; readonly history: History }

/** The histories of these runs, of the runs they went on in, and of their children: parents before their children. */
export async function historiesOf(client: Client, runs: readonly { readonly workflowId: string; readonly runId: string }[]): Promise<Recorded[]> {
  const recorded: Recorded[] = [];
  const seen = new Set<string>();
  const visit = async (workflowId: string, runId: string): Promise<void> => {
    if (seen.has(runId)) return;
    seen.add(runId);
    const history = await client.workflow.getHandle(workflowId, runId).fetchHistory();
    const events = history.events ?? [];
    recorded.push({ workflowId, type: events[0]?.workflowExecutionStartedEventAttributes?.workflowType?.name ?? '', history });
    for (const event of events) {
      const child = event.childWorkflowExecutionStartedEventAttributes?.workflowExecution;
      if (child) await visit(child.workflowId ?? '', child.runId ?? '');
      const next = event.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId;
      if (next) await visit(workflowId, next);
    }
  };
  for (const { workflowId, runId } of runs) await visit(workflowId, runId);
  return recorded;
}

export function eventsOf({ history }: Recorded): number {
  return history.events?.length ?? 0;
}

/** All that is written in a history, payloads decoded, for searching it. */
export function textOf({ history }: Recorded): string {
  return JSON.stringify(history).replaceAll(/"data":"([A-Za-z0-9+/=]+)"/g, (_, base64: string) => Buffer.from(base64, 'base64').toString());
}
