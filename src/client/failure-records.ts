/** The failure records of a run, from the control data in its target bucket. */
import type { WorkflowExecutionDescription } from '@temporalio/client';
import pLimit from 'p-limit';
import { TributaryError } from '../contracts/errors.ts';
import { locationInput, type Location } from '../contracts/location.ts';
import { failureRecord, type FailureRecord } from '../contracts/records.ts';
import { controlPrefix, makeStamp } from '../core/names.ts';
import type { ObjectStore } from '../stores/object-store.ts';
import type { FailureLine } from './lines.ts';
import { inputOf } from './run-list.ts';
import type { Runs } from './runs.ts';
import { listAll } from './stores.ts';

const READS_AT_ONCE = 16;

/** In the order of the plan. @throws TRB-RUN-NOT-FOUND where the workflow is no run of ours */
export async function readFailures(runs: Runs, { workflowId, runId, startTime, raw }: WorkflowExecutionDescription, open: (store: string) => ObjectStore): Promise<FailureLine[]> {
  const target = await runs.guard({ run: workflowId }, () => targetOf(runs, workflowId, runId));
  const firstRunId = raw.workflowExecutionInfo?.firstRunId ?? '';
  const prefix = `${controlPrefix(target.prefix, makeStamp(startTime.getTime(), firstRunId === '' ? runId : firstRunId))}failures/`;
  const store = open(target.store);
  const atOnce = pLimit(READS_AT_ONCE);
  const reads: Promise<FailureRecord>[] = [];
  for await (const key of listAll(store, target.bucket, prefix)) {
    reads.push(atOnce(async () => failureRecord.parse(JSON.parse((await store.get({ bucket: target.bucket, key })).toString('utf8')))));
  }
  return smallestKeep(await Promise.all(reads)).map(({ uri, code, reason, offset, outcome }) => ({ uri, code, reason, offset, outcome }));
}

/** Where a source has several records, the one that keeps least holds. */
function smallestKeep(records: readonly FailureRecord[]): FailureRecord[] {
  const byRow = new Map<number, FailureRecord>();
  for (const record of records) {
    const other = byRow.get(record.row);
    if (!other || record.keep < other.keep) byRow.set(record.row, record);
  }
  return [...byRow.values()].sort((a, b) => a.row - b.row);
}

/** Target of a run; of one that applied a plan, that of the plan. */
async function targetOf(runs: Runs, workflowId: string, runId?: string): Promise<Location> {
  const input = await inputOf(runs, { workflowId, ...(runId === undefined ? {} : { runId }) });
  if (input.apply !== undefined) return targetOf(runs, input.apply);
  const target = locationInput.safeParse(input.target);
  if (!target.success) throw new TributaryError('TRB-RUN-NOT-FOUND', `${workflowId} is a workflow, and no run of Tributary`);
  return target.data;
}
