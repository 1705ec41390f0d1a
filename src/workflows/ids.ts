/** Workflow ids, built in one place. Children carry their root's run, so that a reset run never meets those of the run before. */
import { workflowInfo } from '@temporalio/workflow';

/** One writer per target: whoever runs the workflow of this id holds it. */
export function leaseId(targetHash: string): string {
  return `tributary-lease-${targetHash}`;
}

export function pageId(page: number): string {
  return `${childPrefix()}/page-${pad(page, 6)}`;
}

export function batchId(page: number, batch: number, root: { readonly workflowId: string; readonly runId: string }): string {
  return `${root.workflowId}/${root.runId.slice(-8)}/batch-${pad(page, 6)}-${pad(batch, 4)}`;
}

/** The root of this workflow, which may be itself. */
export function rootExecution(): { readonly workflowId: string; readonly runId: string } {
  const { root, workflowId, runId } = workflowInfo();
  return root ?? { workflowId, runId };
}

function childPrefix(): string {
  const { workflowId, runId } = workflowInfo();
  return `${workflowId}/${runId.slice(-8)}`;
}

function pad(value: number, digits: number): string {
  return String(value).padStart(digits, '0');
}
