/**
 * `endOrphans`: ends the children that a reset left behind. They are those of an earlier execution of the run, which this execution does not
 * know: it was reset to a point before they started. They go on by themselves, and nobody would tell them anything.
 *
 * Invariants:
 * O1. A child of this execution is never touched, nor one that an execution after it keeps: who is no more the current execution stops.
 * O2. A child is paused before it is terminated, so that when it has ended none of its calls runs, nor of its own children's. It must not end as
 *     cancelled ones do, with a result: an execution that still knows it, after one reset more, would take its batches for merged.
 */
import { Context } from '@temporalio/activity';
import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import type { ControlActivities } from '../contracts/activities.ts';
import { ENDED_STATUSES, QUERIES, SIGNALS, WORKFLOWS } from '../contracts/names.ts';
import type { BranchProgress } from '../contracts/progress.ts';
import { boundary } from './boundary.ts';
import type { ActivityDeps } from './deps.ts';

/** Between two looks. */
const LOOK_EACH_MS = 500;

interface Execution { readonly workflowId: string; readonly runId: string }
type Description = Awaited<ReturnType<ReturnType<Client['workflow']['getHandle']>['describe']>>;

export function createEndOrphans({ temporal }: ActivityDeps): ControlActivities['endOrphans'] {
  return () => boundary(async () => {
    const { info, sleep } = Context.current();
    const { workflowId, runId } = info.workflowExecution ?? { workflowId: '', runId: '' };
    for (;;) {
      const orphans = await orphansOf(temporal, { workflowId, runId });
      if (orphans.length === 0) return;
      await Promise.all(orphans.map((orphan) => unlessGone(endOrPause(temporal, orphan))));
      await sleep(LOOK_EACH_MS);
    }
  });
}

/** @returns those that run still */
async function orphansOf(temporal: Client, execution: Execution): Promise<readonly Execution[]> {
  const earlier = await earlierExecutions(temporal, execution);
  const own = await describe(temporal, execution);
  // It was reset itself meanwhile: what it does not know, the execution after it may keep.
  if (!own || ENDED_STATUSES.has(own.status.name)) return [];
  const known = new Set(childrenOf(own));
  const orphans: Execution[] = [];
  for (const runId of earlier) {
    const { workflowId } = execution;
    for (const child of childrenOf(await describe(temporal, { workflowId, runId }))) {
      const found = known.has(child) ? null : await describe(temporal, { workflowId: child, runId: '' });
      if (found && !ENDED_STATUSES.has(found.status.name)) orphans.push({ workflowId: child, runId: found.runId });
    }
  }
  return orphans;
}

/** Run ids. What was reset is in the history; executions that were reset beside it are known to visibility, which is some seconds behind. */
async function earlierExecutions(temporal: Client, { workflowId, runId }: Execution): Promise<ReadonlySet<string>> {
  const { events } = await temporal.workflow.getHandle(workflowId, runId).fetchHistory();
  const earlier = new Set<string>();
  for (const { workflowTaskFailedEventAttributes: failed } of events ?? []) if (failed?.baseRunId) earlier.add(failed.baseRunId);
  for await (const other of temporal.workflow.list({ query: `WorkflowId = ${JSON.stringify(workflowId)}` })) earlier.add(other.runId);
  earlier.delete(runId);
  return earlier;
}

/** Those that merge. An execution that was reset still says which of its children it has not seen end. */
function childrenOf(execution: Description | null): readonly string[] {
  const children = execution?.raw.pendingChildren ?? [];
  return children.flatMap(({ workflowId, workflowTypeName: type }) => (workflowId && (type === WORKFLOWS.mergePage || type === WORKFLOWS.mergePrefix) ? [workflowId] : []));
}

async function endOrPause(temporal: Client, { workflowId, runId }: Execution): Promise<void> {
  const orphan = temporal.workflow.getHandle(workflowId, runId);
  const { state } = await orphan.query<BranchProgress>(QUERIES.progress);
  if (state === 'paused') await orphan.terminate('its run was reset to a point before it');
  // Again for one that went on as a new run meanwhile. One that is being cancelled ends by itself.
  else if (state === 'running') await orphan.signal(SIGNALS.pause);
}

async function describe(temporal: Client, { workflowId, runId }: Execution): Promise<Description | null> {
  return unlessGone(temporal.workflow.getHandle(workflowId, runId === '' ? undefined : runId).describe());
}

async function unlessGone<T>(asked: Promise<T>): Promise<T | null> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
    throw error;
  }
}
