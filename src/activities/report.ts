/** `writeReport` and `writePlanReport`: the run's last words, on S3 and as its result. */
import type { ControlActivities, RunRef } from '../contracts/activities.ts';
import { formatS3Uri } from '../contracts/location.ts';
import type { MergeSpec } from '../contracts/merge.ts';
import type { FailureRecord } from '../contracts/records.ts';
import type { PlanReport, Report } from '../contracts/report.ts';
import type { Tally } from '../contracts/tally.ts';
import { fileNameOf } from '../core/keys.ts';
import { parseChunkName } from '../core/names.ts';
import { buildReport, estimatePlan, skippedBy } from '../core/report.ts';
import { bodyOf } from '../stores/body.ts';
import { readFailures } from '../stores/failure-records.ts';
import { listAll } from '../stores/list-all.ts';
import type { ObjectStore } from '../stores/object-store.ts';
import { boundary } from './boundary.ts';
import type { ActivityDeps } from './deps.ts';
import type { RunArtefacts } from './run-artefacts.ts';
import { writeFailures } from './write-failures.ts';

/** Objects of a target that are looked at when a run is stopped: a cancel must end soon. */
const MOST_LISTED = 50_000;

export function createWriteReport({ temporal }: ActivityDeps, artefacts: RunArtefacts): ControlActivities['writeReport'] {
  return (input) => boundary(async (signal) => {
    const { run } = input;
    const spec = await artefacts.spec(run, signal);
    const { store } = artefacts.targetSession(run);
    const there = input.status === 'completed' ? null : await countChunks(store, spec, run, signal);
    const { raw } = await temporal.workflow.getHandle(run.id).describe();
    const tally = input.status === 'failed' && spec.onError === 'stop' ? await withRecorded(store, run, input.tally, signal) : input.tally;
    const report = buildReport({ ...input, tally }, {
      endedMs: Date.now(), historyBytes: Number(raw.workflowExecutionInfo?.historySizeBytes ?? 0),
      chunks: there,
      examples: Object.keys(tally.errors).length === 0 ? {} : await writeFailures(store, run, signal),
      notes: run.createOnce ? [] : [`The store ${run.control.store} ignores If-None-Match: each chunk was looked for before it was written, which does not protect against a writer in between.`],
    });
    await putLast(store, spec, run, 'report.json', report, signal);
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
    await putLast(artefacts.targetSession(run).store, spec, run, 'plan.json', report, signal);
    return report;
  });
}

/** A source that ends its run is on record, and its call came to no count of it. @returns the counts with what is on record in place of what was told */
async function withRecorded(store: ObjectStore, { control: { bucket, prefix } }: RunRef, tally: Tally, signal: AbortSignal): Promise<Tally> {
  const records = [...(await readFailures(store, { bucket, prefix: `${prefix}failures/` }, { signal })).values()];
  const bytesOf = (outcome: FailureRecord['outcome']): number[] => records.filter((record) => record.outcome === outcome).map(({ bytes }) => bytes);
  const [failed, partial] = [bytesOf('failed'), bytesOf('partial')];
  const errors: Record<string, number> = {};
  for (const { code } of records) errors[code] = (errors[code] ?? 0) + 1;
  return { ...tally, failedObjects: failed.length, failedBytes: sum(failed), partialObjects: partial.length, partialBytes: sum(partial), errors };
}

const sum = (amounts: readonly number[]): number => amounts.reduce((total, amount) => total + amount, 0);

/** Writes the last file of a run. After it, also where it cannot be written, nothing of the run is left open. */
async function putLast(store: ObjectStore, spec: MergeSpec, run: RunRef, name: string, content: Report | PlanReport, signal: AbortSignal): Promise<void> {
  const { bucket, prefix } = run.control;
  try {
    await store.put({ bucket, key: `${prefix}${name}`, body: bodyOf(`${JSON.stringify(content)}\n`) }, { signal });
  } finally {
    await abortUploads(store, spec, run, signal);
  }
}

/** Uploads that attempts left behind, of chunks and of control data: the run is over, so nobody goes on with them. */
async function abortUploads(store: ObjectStore, spec: MergeSpec, run: RunRef, signal: AbortSignal): Promise<void> {
  const { bucket, prefix } = spec.target;
  for (const { key, uploadId } of await store.listUploads({ bucket, prefix }, { signal })) {
    if (isChunkOf(run, key) || key.startsWith(run.control.prefix)) await store.abortUpload({ bucket, key, uploadId }, { signal });
  }
}

/**
 * What a run that was stopped has published, by the target's own listing: calls that were cut off or died may have published more than
 * they could tell. @returns null where the listing is too long to be walked for that
 */
async function countChunks(store: ObjectStore, spec: MergeSpec, run: RunRef, signal: AbortSignal): Promise<Report['chunks'] | null> {
  const { bucket, prefix } = spec.target;
  let [listed, count, bytes] = [0, 0, 0];
  for await (const { key, sizeBytes } of listAll(store, { bucket, prefix }, { signal })) {
    listed += 1;
    if (listed > MOST_LISTED) return null;
    if (!isChunkOf(run, key)) continue;
    count += 1;
    bytes += sizeBytes;
  }
  return { count, bytes };
}

function isChunkOf({ stamp }: RunRef, key: string): boolean {
  return parseChunkName(fileNameOf(key))?.stamp === stamp;
}
