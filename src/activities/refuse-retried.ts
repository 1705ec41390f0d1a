/**
 * A run is retried once, and then its retry: else sources would be merged twice. Asked while this run holds the lease on the target, so
 * that no other retry goes on.
 */
import { WorkflowNotFoundError } from '@temporalio/client';
import type { RunRef } from '../contracts/activities.ts';
import { TributaryError } from '../contracts/errors.ts';
import { formatS3Uri } from '../contracts/location.ts';
import type { MergeSpec } from '../contracts/merge.ts';
import { runRecord, sweptRecord } from '../contracts/records.ts';
import { SETTLE_MS } from '../contracts/settle.ts';
import { groupOf } from '../core/keys.ts';
import { controlPrefix } from '../core/names.ts';
import { inOrder } from '../core/together.ts';
import { getIfThere } from '../stores/artefacts.ts';
import { readFailures } from '../stores/failure-records.ts';
import type { ObjectStore } from '../stores/object-store.ts';
import type { ActivityDeps } from './deps.ts';
import { isComplete, retriesOf } from './retries.ts';

/** Groups that are looked into at the same time. */
const GROUPS_AT_ONCE = 32;

/** @throws TRB-TARGET-BUSY, TRB-RUN-OPEN; TRB-RETRY-UNFINISHED where an earlier retry wrote chunks, and did not come to its end */
export async function refuseRetried({ temporal }: ActivityDeps, store: ObjectStore, spec: MergeSpec, run: RunRef, signal: AbortSignal): Promise<void> {
  const { retryOf, target: { bucket, prefix } } = spec;
  if (!retryOf) return;
  for (const { stamp, control, report } of await retriesOf(store, spec.target, retryOf.stamp, signal)) {
    if (stamp === run.stamp) continue;
    const place = { store: spec.target.store, bucket, key: control };
    if (isComplete(report)) throw new TributaryError('TRB-TARGET-BUSY', `the run ${retryOf.run} was retried by ${report.run.id} at the same time; say it again to retry what is left`, place);
    const leftMs = await endedMs(temporal, store, bucket, control, signal) + SETTLE_MS - Date.now();
    if (leftMs > 0) throw new TributaryError('TRB-RUN-OPEN', `an earlier retry of the run ${retryOf.run} has just ended, and its workers may not know it yet; say it again in ${Math.ceil(leftMs / 1000)} s`, place);
    if (!await wroteChunks(store, spec, retryOf.stamp, stamp, control, signal)) continue;
    throw new TributaryError('TRB-RETRY-UNFINISHED', `the run ${retryOf.run} was retried before, with stamp ${stamp}, and that retry did not come to its end: what it merged cannot be told from what it did not. `
      + `Its chunks are ${formatS3Uri({ bucket, prefix })}…/merged-${stamp}-…, its control data is ${formatS3Uri({ bucket, prefix: control })}`, place);
  }
}

/** When the run of a control folder ended; 0 where nobody knows any more. */
async function endedMs(temporal: ActivityDeps['temporal'], store: ObjectStore, bucket: string, control: string, signal: AbortSignal): Promise<number> {
  const text = await getIfThere(store, { bucket, key: `${control}run.json` }, { signal });
  if (!text) return 0;
  try {
    const { closeTime } = await temporal.workflow.getHandle(runRecord.parse(JSON.parse(text.toString())).id).describe();
    return closeTime?.getTime() ?? 0;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return 0;
    throw error;
  }
}

/** Also chunks that are in no index, because the run was killed in between: looked for in the groups that it may have written to. */
async function wroteChunks(store: ObjectStore, spec: MergeSpec, ofStamp: string, stamp: string, control: string, signal: AbortSignal): Promise<boolean> {
  const { bucket, prefix } = spec.target;
  if (await hasChunks(store, bucket, control, signal)) return true;
  const records = await readFailures(store, { bucket, prefix: `${controlPrefix(prefix, ofStamp)}failures/` }, { signal });
  const start = formatS3Uri(spec.source).length;
  const groups = [...new Set([...records.values()].map(({ uri }) => groupOf(uri.slice(start), spec.groupBy)))];
  const look = async (group: string): Promise<boolean> => (await store.list({ bucket, prefix: `${prefix}${group}merged-${stamp}-`, maxKeys: 1 }, { signal })).objects.length > 0;
  for await (const isThere of inOrder(groups, GROUPS_AT_ONCE, look)) if (isThere) return true;
  return false;
}

/** Whether the run of a control folder has chunks in its index, or had when it was swept. */
export async function hasChunks(store: ObjectStore, bucket: string, control: string, signal: AbortSignal): Promise<boolean> {
  const { objects } = await store.list({ bucket, prefix: `${control}chunks/`, maxKeys: 1 }, { signal });
  if (objects.length > 0) return true;
  const swept = await getIfThere(store, { bucket, key: `${control}swept.json` }, { signal });
  return swept !== null && sweptRecord.parse(JSON.parse(swept.toString())).chunks;
}
