/**
 * Retries of a run. Each retry takes whatever of the run before it is not merged, so that retries form a chain: what the last completed
 * one left is what is left of all.
 */
import type { RunRef } from '../contracts/activities.ts';
import type { MergeSpec } from '../contracts/merge.ts';
import { CONTROL_FOLDER } from '../contracts/names.ts';
import { reportSchema, type Report } from '../contracts/report.ts';
import { contentHash, getIfThere } from '../stores/artefacts.ts';
import { listFolders } from '../stores/list-all.ts';
import type { ObjectStore } from '../stores/object-store.ts';

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
export async function retriesOf(store: ObjectStore, { bucket, prefix }: MergeSpec['target'], stamp: string, signal: AbortSignal): Promise<Retry[]> {
  const runs = `${prefix}${CONTROL_FOLDER}runs/`;
  const retries: Retry[] = [];
  for (const control of await listFolders(store, { bucket, prefix: runs }, { signal })) {
    const other = control.slice(runs.length, -1);
    // Stamps begin with the second of the run's start.
    if (other === stamp || other.slice(0, SECOND) < stamp.slice(0, SECOND)) continue;
    const text = await getIfThere(store, { bucket, key: `${control}spec.json` }, { signal });
    if (!text || (JSON.parse(text.toString()) as Partial<MergeSpec>).retryOf?.stamp !== stamp) continue;
    retries.push({ stamp: other, control, specHash: contentHash(text), report: await reportOf(store, bucket, control, signal) });
  }
  return retries;
}

/** The completed retries after a run, each of the one before it. */
export async function retryChain(store: ObjectStore, run: RunRef, target: MergeSpec['target'], signal: AbortSignal): Promise<RunRef[]> {
  const chain: RunRef[] = [];
  for (let { stamp } = run; ;) {
    const retry = (await retriesOf(store, target, stamp, signal)).find(({ report }) => isComplete(report));
    if (!retry?.report) return chain;
    chain.push(refOf(run, retry, retry.report));
    ({ stamp } = retry);
  }
}

function refOf({ control, createOnce }: RunRef, { stamp, control: prefix, specHash }: Retry, { run: { id }, time: { started } }: Report): RunRef {
  return { id, stamp, startedMs: Date.parse(started), control: { ...control, prefix }, specHash, planStamp: stamp, createOnce };
}
