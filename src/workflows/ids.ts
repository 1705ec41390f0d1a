/**
 * Workflow ids, built in one place. Each child of a run has a token of its own, from the random numbers that a replay repeats: a run
 * that is reset replays the ids before that point, and never meets the children that the run before it left behind.
 */
import { uuid4, workflowInfo } from '@temporalio/workflow';

/** One writer per target: whoever runs the workflow of this id holds it. */
export function leaseId(targetHash: string): string {
  return `tributary-lease-${targetHash}`;
}

export function pageId(page: number): string {
  return `${childPrefix()}/page-${pad(page, 6)}`;
}

/** @param batches of the page, neighbours */
export function batchId(page: number, batches: readonly number[]): string {
  const [first = 0] = batches;
  const last = batches.at(-1) ?? first;
  return `${childPrefix()}/batch-${pad(page, 6)}-${pad(first, 4)}${first === last ? '' : `-${pad(last, 4)}`}`;
}

/** The root of this workflow may be itself. */
function childPrefix(): string {
  const { root, workflowId } = workflowInfo();
  return `${root?.workflowId ?? workflowId}/${uuid4().slice(-8)}`;
}

function pad(value: number, digits: number): string {
  return String(value).padStart(digits, '0');
}
