/** `mergeChunks`: merges a batch from its cursor on, for ten minutes or until that has moved. The one activity that moves bytes. */
import { Context } from '@temporalio/activity';
import type { DataActivities, MergeChunksInput, MergeChunksResult } from '../contracts/activities.ts';
import { mergeCursor, type MergeCursor } from '../contracts/cursor.ts';
import { emptyTally, type Tally } from '../contracts/tally.ts';
import { halfwayGroup } from '../core/split-cursor.ts';
import { mergeBatch, startCursor } from '../pipeline/merge-batch.ts';
import { batchFolder, RunRecords } from '../pipeline/run-records.ts';
import { systemClock } from '../stores/clock.ts';
import { boundary, interruption } from './boundary.ts';
import type { ActivityDeps } from './deps.ts';
import type { RunArtefacts } from './run-artefacts.ts';
import type { RunShares } from './run-shares.ts';

/** Bounds what history a long batch costs. */
const CALL_MS = 10 * 60_000;

export function createMergeChunks(deps: ActivityDeps, artefacts: RunArtefacts, shares: RunShares): DataActivities['mergeChunks'] {
  return (input) => {
    const { info } = Context.current();
    // What the last attempt heartbeated is never behind what the workflow knows.
    const heartbeat: unknown = info.heartbeatDetails ?? null;
    const start = heartbeat === null ? input.cursor : heartbeat;
    let cursor: MergeCursor = start === null ? startCursor(emptyTally()) : mergeCursor.parse(start);
    return boundary(async (signal) => {
      const checkpoint = (reached: MergeCursor): void => {
        count(deps, cursor.tally, reached.tally);
        cursor = reached;
        Context.current().heartbeat(reached);
      };
      const deadline = AbortSignal.timeout(CALL_MS);
      const merged = await shares.during(input.run.id, input.limits, signal, () =>
        merge(deps, artefacts, input, cursor, { signal, deadline, recovering: input.recovering || info.attempt > 1, checkpoint }));
      checkpoint(merged.cursor);
      // Only a cancel may be answered by a result: on the server's own pause or reset that would count as completion.
      if (signal.aborted && !cursor.done && !Context.current().cancellationDetails?.cancelRequested) throw interruption(signal, { checkpoint: () => cursor });
      return merged;
    }, { checkpoint: () => cursor });
  };
}

interface Conditions {
  readonly signal: AbortSignal;
  readonly deadline: AbortSignal;
  readonly recovering: boolean;
  readonly checkpoint: (cursor: MergeCursor) => void;
}

async function merge(deps: ActivityDeps, artefacts: RunArtefacts, input: MergeChunksInput, cursor: MergeCursor, conditions: Conditions): Promise<MergeChunksResult> {
  const { run, planHash, page, batch: index, limits, onError, untilGroup, maySplit } = input;
  const spec = await artefacts.spec(run, conditions.signal);
  const { reader } = await artefacts.plan(run, planHash, conditions.signal);
  const batch = await artefacts.batch(run, planHash, page, index, conditions.signal);
  const target = artefacts.targetSession(run);
  const source = spec.source.store === spec.target.store ? target : artefacts.sourceSession(run, spec);
  const merged = await mergeBatch({
    spec, stamp: run.stamp, batch, plan: reader, source, target, createOnce: run.createOnce, limits, onError, recovering: conditions.recovering,
    untilGroup, maySplit, records: new RunRecords(target.store, run.control, batchFolder(page, index)), slab: deps.slab, clock: systemClock,
    deadline: conditions.deadline, interrupt: conditions.signal, onCheckpoint: conditions.checkpoint,
  }, cursor);
  return { ...merged, halfwayGroup: halfwayGroup(batch.groups, merged.cursor.low.group, untilGroup ?? batch.groups.length) };
}

/** What a checkpoint adds to the worker's figures. */
function count({ metrics }: ActivityDeps, before: Tally, now: Tally): void {
  metrics.add('readBytes', now.doneBytes - before.doneBytes + now.partialBytes - before.partialBytes);
  metrics.add('writtenBytes', now.chunkBytes - before.chunkBytes);
  metrics.add('lines', now.lines - before.lines);
  metrics.add('chunks', now.chunks - before.chunks);
  metrics.add('objects', now.doneObjects - before.doneObjects, { outcome: 'done' });
  metrics.add('objects', now.partialObjects - before.partialObjects, { outcome: 'partial' });
  metrics.add('objects', now.failedObjects - before.failedObjects, { outcome: 'failed' });
}
