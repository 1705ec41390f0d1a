/** The spec of a retry: that of the run whose failures it merges, and which run that is. */
import type { Client, WorkflowExecutionDescription } from '@temporalio/client';
import { WorkflowNotFoundError } from '@temporalio/client';
import type { RunRef } from '../contracts/activities.ts';
import { TributaryError } from '../contracts/errors.ts';
import { describeInputIssues } from '../contracts/explain-issues.ts';
import { retryInput, type MergeSpec } from '../contracts/merge.ts';
import { ENDED_STATUSES, MEMO } from '../contracts/names.ts';
import { limitsWith } from '../core/limits.ts';
import { defectiveSources, isComplete, reportOf, retryChain } from './retries.ts';
import type { RunArtefacts } from './run-artefacts.ts';

/** @throws TRB-RUN-NOT-FOUND, TRB-RUN-OPEN, TRB-NOTHING-TO-RETRY; TRB-INVALID-INPUT where the run merged nothing */
export async function resolveRetry(temporal: Client, artefacts: RunArtefacts, raw: unknown, signal: AbortSignal): Promise<MergeSpec> {
  const parsed = retryInput.safeParse(raw);
  if (!parsed.success) throw new TributaryError('TRB-INVALID-INPUT', describeInputIssues(parsed.error, retryInput));
  const { retryOf: id, limits, label } = parsed.data;
  const { status, memo } = await describe(temporal, id);
  if (!ENDED_STATUSES.has(status.name)) throw new TributaryError('TRB-RUN-OPEN', `the run ${id} has not ended yet: it can be retried when it has`, { run: id });
  const run = memo?.[MEMO.run] as RunRef | undefined;
  const spec = run && await artefacts.spec(run, signal);
  if (!run || !spec || spec.dryRun) throw new TributaryError('TRB-INVALID-INPUT', `the run ${id} merged nothing that could be retried`, { run: id });
  const { store } = artefacts.targetSession(run);
  if (spec.retryOf && !isComplete(await reportOf(store, run.control.bucket, run.control.prefix, signal))) {
    throw new TributaryError('TRB-INVALID-INPUT', `the run ${id} is a retry of ${spec.retryOf.run} that did not come to its end: retry ${spec.retryOf.run} instead`, { run: id });
  }
  const last = (await retryChain(store, run, spec.target, signal)).at(-1) ?? run;
  const { bucket, prefix } = last.control;
  const { objects } = await store.list({ bucket, prefix: `${prefix}failures/`, maxKeys: 1 }, { signal });
  const report = await reportOf(store, bucket, prefix, signal);
  // A record may have been written late, of a source that was merged.
  if (objects.length === 0 || (isComplete(report) && defectiveSources(report) === 0)) {
    const isWhole = last !== run || isComplete(report);
    throw new TributaryError('TRB-NOTHING-TO-RETRY', !isWhole ? `no source of the run ${id} failed; it did not come to its end, and what it did not get to cannot be retried`
      : last === run ? `no source of the run ${id} failed: there is nothing to retry`
      : `what had failed in the run ${id} was merged by its retry ${last.id}: there is nothing left to retry`, { run: id });
  }
  return { ...spec, again: true, label: label ?? null, limits: limitsWith(limits ?? {}, spec.limits), retryOf: { run: last.id, stamp: last.stamp } };
}

async function describe(temporal: Client, id: string): Promise<WorkflowExecutionDescription> {
  try {
    return await temporal.workflow.getHandle(id).describe();
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) throw new TributaryError('TRB-RUN-NOT-FOUND', `there is no run ${id}`, { run: id });
    throw error;
  }
}
