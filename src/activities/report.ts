/** `writeReport` and `writePlanReport`: the run's last words, on S3 and as its result. */
import type { ControlActivities, RunRef } from '../contracts/activities.ts';
import { formatS3Uri } from '../contracts/location.ts';
import type { MergeSpec } from '../contracts/merge.ts';
import type { PlanReport } from '../contracts/report.ts';
import { fileNameOf } from '../core/keys.ts';
import { parseChunkName } from '../core/names.ts';
import { buildReport, estimatePlan, skippedBy } from '../core/report.ts';
import { bodyOf } from '../stores/body.ts';
import type { ObjectStore } from '../stores/object-store.ts';
import { boundary } from './boundary.ts';
import type { ActivityDeps } from './deps.ts';
import type { RunArtefacts } from './run-artefacts.ts';
import { writeFailures } from './write-failures.ts';

export function createWriteReport({ temporal }: ActivityDeps, artefacts: RunArtefacts): ControlActivities['writeReport'] {
  return (input) => boundary(async (signal) => {
    const { run } = input;
    const spec = await artefacts.spec(run, signal);
    const { store } = artefacts.controlSession(run);
    await abortUploads(store, spec, run, signal);
    const { raw } = await temporal.workflow.getHandle(run.id).describe();
    const report = buildReport(input, {
      endedMs: Date.now(), historyBytes: Number(raw.workflowExecutionInfo?.historySizeBytes ?? 0),
      examples: Object.keys(input.tally.errors).length === 0 ? {} : await writeFailures(store, run, signal),
      notes: run.createOnce ? [] : [`The store ${run.control.store} ignores If-None-Match: each chunk was looked for before it was written, which does not protect against a writer in between.`],
    });
    await store.put({ bucket: run.control.bucket, key: `${run.control.prefix}report.json`, body: bodyOf(`${JSON.stringify(report)}\n`) }, { signal });
    return report;
  });
}

export function createWritePlanReport(artefacts: RunArtefacts): ControlActivities['writePlanReport'] {
  return ({ run, source, target, label, plan: { planHash, totals } }) => boundary(async (signal) => {
    const spec = await artefacts.spec(run, signal);
    const report: PlanReport = {
      schema: 'tributary.plan/1', run: { id: run.id, stamp: run.stamp, job: 'merge', label, planHash }, source, target,
      planned: { objects: totals.objects, bytes: totals.bytes, groups: totals.groups, batches: totals.batches }, skipped: skippedBy(totals),
      ...estimatePlan(totals, spec), control: formatS3Uri(run.control), spec: { store: run.control.store, hash: run.specHash },
    };
    await artefacts.controlSession(run).store.put({ bucket: run.control.bucket, key: `${run.control.prefix}plan.json`, body: bodyOf(`${JSON.stringify(report)}\n`) }, { signal });
    return report;
  });
}

/** Uploads that attempts left behind, of chunks or of control data: the run is over, so nobody goes on with them. */
async function abortUploads(store: ObjectStore, spec: MergeSpec, run: RunRef, signal: AbortSignal): Promise<void> {
  const { bucket, prefix } = spec.target;
  for (const { key, uploadId } of await store.listUploads({ bucket, prefix }, { signal })) {
    const isOurs = parseChunkName(fileNameOf(key))?.stamp === run.stamp || key.startsWith(run.control.prefix);
    if (isOurs) await store.abortUpload({ bucket, key, uploadId }, { signal });
  }
}
