/**
 * `checkAccess`: tries at the start of a run what the run needs, so that a wrong bucket or key is said in seconds; and refuses
 * where the target holds merged output of the source already.
 */
import type { ControlActivities, RunRef } from '../contracts/activities.ts';
import { TributaryError } from '../contracts/errors.ts';
import { formatS3Uri } from '../contracts/location.ts';
import type { MergeSpec } from '../contracts/merge.ts';
import { CONTROL_FOLDER } from '../contracts/names.ts';
import { runRecord, type RunRecord } from '../contracts/records.ts';
import type { Report } from '../contracts/report.ts';
import { inOrder, together } from '../core/together.ts';
import { getIfThere } from '../stores/artefacts.ts';
import { bodyOf } from '../stores/body.ts';
import { listFolders } from '../stores/list-all.ts';
import type { ObjectStore } from '../stores/object-store.ts';
import { probeCapabilities } from '../stores/probe.ts';
import { boundary } from './boundary.ts';
import type { ActivityDeps } from './deps.ts';
import { hasChunks, refuseRetried } from './refuse-retried.ts';
import { reportOf, RUNS_AT_ONCE } from './retries.ts';
import { specText } from './run-artefacts.ts';
import type { RunShares } from './run-shares.ts';

/** A store that does not answer within this time at the start of a run is called unreachable. */
const PATIENCE_MS = 4000;

export function createCheckAccess(deps: ActivityDeps, shares: RunShares): ControlActivities['checkAccess'] {
  return ({ run, spec }) => boundary(async (signal) => {
    shares.begin(run.id, spec.limits);
    const options = { allowance: shares.allowanceOf(run.id), patience: PATIENCE_MS };
    const source = deps.stores.session(spec.source.store, options).store;
    const target = deps.stores.session(spec.target.store, { ...options, encryption: run.control.encryption }).store;
    // What only asks is asked at once: a small run mostly waits for round trips.
    const [record] = await together(
      recordOf(deps, run), source.headBucket(spec.source.bucket, { signal }), target.headBucket(spec.target.bucket, { signal }),
      spec.retryOf ? refuseRetried(deps, target, spec, run, signal) : checkSource(source, spec, signal),
      spec.again || spec.dryRun ? Promise.resolve() : refuseMerged(target, spec, run, signal),
    );
    const { bucket, prefix } = run.control;
    const write = (name: string, text: string): Promise<unknown> => target.put({ bucket, key: `${prefix}${name}`, body: bodyOf(text) }, { signal });
    await write('run.json', `${JSON.stringify(record)}\n`);
    const known = spec.dryRun ? false : deps.stores.createOnce(spec.target.store);
    const [{ createOnce }] = await together(
      known === undefined ? probeCapabilities(target, bucket, prefix, signal) : Promise.resolve({ createOnce: known }), write('spec.json', specText(spec)),
    );
    return { ...run, createOnce };
  }, { failFast: true });
}

async function checkSource(store: ObjectStore, { source }: MergeSpec, signal: AbortSignal): Promise<void> {
  const { objects } = await store.list({ bucket: source.bucket, prefix: source.prefix, maxKeys: 1 }, { signal });
  if (objects.length > 0 || source.prefix === '') return;
  throw new TributaryError('TRB-NO-SUCH-PREFIX', `nothing is stored under ${formatS3Uri(source)} in store ${source.store}`, {
    store: source.store, bucket: source.bucket, key: source.prefix,
  });
}

/** @throws TRB-TARGET-MERGED that names the earlier run */
async function refuseMerged(store: ObjectStore, spec: MergeSpec, run: RunRef, signal: AbortSignal): Promise<void> {
  const { bucket, prefix } = spec.target;
  const runs = `${prefix}${CONTROL_FOLDER}runs/`;
  const earlier = (await listFolders(store, { bucket, prefix: runs }, { signal })).filter((control) => control !== run.control.prefix);
  for await (const control of inOrder(earlier, RUNS_AT_ONCE, async (one) => (await mergedSame(store, spec, one, signal) ? one : null))) {
    if (control === null) continue;
    const stamp = control.slice(runs.length, -1);
    throw new TributaryError('TRB-TARGET-MERGED', `${formatS3Uri(spec.target)} holds merged output of ${formatS3Uri(spec.source)} already, written by `
      + `${await describeRun(store, bucket, control, stamp, signal)}; --again merges what that run has merged once more`, { store: spec.target.store, bucket, key: control });
  }
}

/** Which run left a control folder, and how it ended. */
async function describeRun(store: ObjectStore, bucket: string, control: string, stamp: string, signal: AbortSignal): Promise<string> {
  const [text, report] = await together(getIfThere(store, { bucket, key: `${control}run.json` }, { signal }), reportOf(store, bucket, control, signal));
  const id = text ? `the run ${runRecord.parse(JSON.parse(text.toString())).id} (stamp ${stamp})` : `the run with stamp ${stamp}`;
  // Whoever terminates a run leaves it no time for a report.
  return `${id}, which ${report ? ENDINGS[report.status] : 'ended without a report'}`;
}

const ENDINGS: Readonly<Record<Report['status'], string>> = {
  completed: 'completed', completed_with_failures: 'completed with failures', failed: 'failed', cancelled: 'was cancelled',
};

/** Whether the run of this control folder read the same source and wrote chunks. */
async function mergedSame(store: ObjectStore, spec: MergeSpec, control: string, signal: AbortSignal): Promise<boolean> {
  const { bucket } = spec.target;
  const text = await getIfThere(store, { bucket, key: `${control}spec.json` }, { signal });
  const earlier = text && (JSON.parse(text.toString()) as Partial<MergeSpec>).source;
  // Most runs read something else, so that this one question is enough.
  if (earlier?.bucket !== spec.source.bucket || earlier.prefix !== spec.source.prefix || earlier.store !== spec.source.store) return false;
  return hasChunks(store, bucket, control, signal);
}

/** Who wrote this control data. */
async function recordOf({ temporal }: ActivityDeps, { id, stamp }: RunRef): Promise<RunRecord> {
  const { namespace } = temporal.options;
  const { namespaceInfo } = await temporal.workflowService.describeNamespace({ namespace });
  return { schema: 'tributary.run/1', id, stamp, namespace, namespaceId: namespaceInfo?.id ?? '' };
}
