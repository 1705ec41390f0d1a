/**
 * Retries of a run. Each retry takes whatever of the run before it is not merged, so that retries form a chain: what the last completed
 * one left is what is left of all.
 */
import type { RunRef } from '../contracts/activities.ts';
import type { MergeSpec } from '../contracts/merge.ts';
import { CONTROL_FOLDER } from '../contracts/names.ts';
import { reportSchema, type Report } from '../contracts/report.ts';
import { inOrder } from '../core/together.ts';
import { contentHash, getIfThere } from '../stores/artefacts.ts';
import { listFolders } from '../stores/list-all.ts';
import type { ObjectStore } from '../stores/object-store.ts';

/** Runs on a target that are asked about at the same time: there may be thousands of them. */
export const RUNS_AT_ONCE = 32;
const SECOND = '20260102T030405Z'.length;

/** A retry as its control data tells of it. */
export interface Retry {
  readonly stamp: string;
  /** Folder of its control data. */
  readonly control: string;
  readonly specHash: string;
  /** Null where it ended without one, or has not ended. */
  readonly report: Report | null;
}

/** Whether all that a run took is on the target, so that its failure records say what is not. */
export function isComplete(report: Report | null): report is Report {
  return report?.status.startsWith('completed') === true;
}

/** How many sources a run has not merged, or in part only. */
export function defectiveSources({ failed, partial }: Report): number {
  return failed.objects + partial.objects;
}

/** What a run left as its report, or null. */
export async function reportOf(store: ObjectStore, bucket: string, control: string, signal: AbortSignal): Promise<Report | null> {
  const bytes = await getIfThere(store, { bucket, key: `${control}report.json` }, { signal });
  return bytes && reportSchema.parse(JSON.parse(bytes.toString()));
}

/** The runs that retried the one of this stamp, oldest first. Of those that ended before their end there may be several; one is complete at most. */
export async function retriesOf(store: ObjectStore, target: MergeSpec['target'], stamp: string, signal: AbortSignal): Promise<Retry[]> {
  return withReports(store, target, await retriesSince(store, target, stamp, signal), stamp, signal);
}

/** The completed retries after a run, each of the one before it. */
export async function retryChain(store: ObjectStore, run: RunRef, target: MergeSpec['target'], signal: AbortSignal): Promise<RunRef[]> {
  const later = await retriesSince(store, target, run.stamp, signal);
  const chain: RunRef[] = [];
  for (let { stamp } = run; ;) {
    const retry = (await withReports(store, target, later, stamp, signal)).find(({ report }) => isComplete(report));
    if (!retry?.report) return chain;
    chain.push(refOf(run, retry, retry.report));
    ({ stamp } = retry);
  }
}

interface LaterRetry extends Omit<Retry, 'report'> { readonly of: string }

/** Every retry, of whatever run, that began in the second of this stamp or later. */
async function retriesSince(store: ObjectStore, { bucket, prefix }: MergeSpec['target'], stamp: string, signal: AbortSignal): Promise<LaterRetry[]> {
  const runs = `${prefix}${CONTROL_FOLDER}runs/`;
  // Stamps begin with the second of the run's start.
  const later = (await listFolders(store, { bucket, prefix: runs }, { signal })).filter((control) => control.slice(runs.length, runs.length + SECOND) >= stamp.slice(0, SECOND));
  const retries: LaterRetry[] = [];
  const ask = async (control: string): Promise<LaterRetry | null> => {
    const text = await getIfThere(store, { bucket, key: `${control}spec.json` }, { signal });
    const of = text && (JSON.parse(text.toString()) as Partial<MergeSpec>).retryOf?.stamp;
    return text && of ? { stamp: control.slice(runs.length, -1), control, specHash: contentHash(text), of } : null;
  };
  for await (const retry of inOrder(later, RUNS_AT_ONCE, ask)) if (retry) retries.push(retry);
  return retries;
}

async function withReports(store: ObjectStore, { bucket }: MergeSpec['target'], retries: readonly LaterRetry[], of: string, signal: AbortSignal): Promise<Retry[]> {
  const found: Retry[] = [];
  const ask = async ({ stamp, control, specHash }: LaterRetry): Promise<Retry> => ({ stamp, control, specHash, report: await reportOf(store, bucket, control, signal) });
  for await (const retry of inOrder(retries.filter((one) => one.of === of && one.stamp !== of), RUNS_AT_ONCE, ask)) found.push(retry);
  return found;
}

function refOf({ control, createOnce }: RunRef, { stamp, control: prefix, specHash }: Retry, { run: { id }, time: { started } }: Report): RunRef {
  return { id, stamp, startedMs: Date.parse(started), control: { ...control, prefix }, specHash, planStamp: stamp, createOnce };
}
