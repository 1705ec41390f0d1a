/** What a run costs Temporal: the workflows, calls and events it took, and the bytes of their histories. */
import type { Client } from '@temporalio/client';

export interface ControlPlane {
  readonly workflows: number;
  /** Of activities; a try again is none. */
  readonly calls: number;
  readonly events: number;
  /** As the server counts them. */
  readonly historyBytes: number;
  readonly longestEvents: number;
}

/** @param workflowId of a run that has ended */
export async function controlPlaneOf(client: Client, workflowId: string): Promise<ControlPlane> {
  const sum = { workflows: 0, calls: 0, events: 0, historyBytes: 0, longestEvents: 0 };
  for await (const { workflowId: id, runId } of client.workflow.list({ query: `RootWorkflowId = "${workflowId}"` })) {
    const handle = client.workflow.getHandle(id, runId);
    const { events } = await handle.fetchHistory();
    const count = events?.length ?? 0;
    sum.workflows += 1;
    sum.calls += (events ?? []).filter(({ activityTaskScheduledEventAttributes: call }) => call).length;
    sum.events += count;
    sum.historyBytes += (await handle.describe()).historySize ?? 0;
    sum.longestEvents = Math.max(sum.longestEvents, count);
  }
  if (sum.workflows === 0) throw new Error(`Temporal shows no workflow of ${workflowId}`);
  return sum;
}
