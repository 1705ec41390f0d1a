/** Where a run keeps its control data, found without asking a worker. */
import type { WorkflowExecutionDescription } from '@temporalio/client';
import { TributaryError } from '../contracts/errors.ts';
import { locationInput, type Location } from '../contracts/location.ts';
import { controlPrefix, makeStamp } from '../core/names.ts';
import { inputOf } from './run-list.ts';
import type { Runs } from './runs.ts';

/** @throws TRB-RUN-NOT-FOUND where the workflow is no run of ours */
export async function controlDataOf(runs: Runs, { workflowId, runId, startTime, raw }: WorkflowExecutionDescription): Promise<Location> {
  const target = await runs.guard({ run: workflowId }, () => targetOf(runs, workflowId, runId));
  const firstRunId = raw.workflowExecutionInfo?.firstRunId ?? '';
  return { ...target, prefix: controlPrefix(target.prefix, makeStamp(startTime.getTime(), firstRunId === '' ? runId : firstRunId)) };
}

/** Target of a run; of one that applied a plan, that of the plan. */
async function targetOf(runs: Runs, workflowId: string, runId?: string): Promise<Location> {
  const input = await inputOf(runs, { workflowId, ...(runId === undefined ? {} : { runId }) });
  if (input.apply !== undefined) return targetOf(runs, input.apply);
  const target = locationInput.safeParse(input.target);
  if (!target.success) throw new TributaryError('TRB-RUN-NOT-FOUND', `${workflowId} is a workflow, and no run of Tributary`);
  return target.data;
}
