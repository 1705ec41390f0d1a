import { DEFAULT_LIMITS } from '../contracts/limits.ts';
import { formatS3Uri, type Location } from '../contracts/location.ts';
import type { PlanReport, Report } from '../contracts/report.ts';
import { emptyTally } from '../contracts/tally.ts';
import type { RunLine } from './lines.ts';
import type { LiveProgress } from './live-progress.ts';

/** What the `progress` query would answer for a run that ended without a report: nothing that it could count. Pure. */
export function progressOfUnreported({ id, label, source, target }: Pick<RunLine, 'id' | 'label' | 'source' | 'target'>, startedMs: number, stamp: string, control: Location | undefined): LiveProgress {
  return {
    schema: 'tributary.progress/1', run: { id, stamp, job: 'merge', label }, source, target,
    phase: 'DONE', state: 'ended', startedMs, planned: { objects: 0, bytes: 0, groups: 0, sources: 0, sourceBytes: 0 }, tally: emptyTally(),
    batches: { total: 0, done: 0, running: 0 }, limits: DEFAULT_LIMITS, control: control ? formatS3Uri(control) : null, result: null, underwayBytes: 0, waiting: null,
  };
}

/** The same for a run that has ended, made of its result: no worker is asked. Pure. */
export function progressOfEnded(id: string, startedMs: number, result: Report | PlanReport): LiveProgress {
  const { run, source, target, control, planned, skipped } = result;
  const taken = { sources: planned.objects - skipped.objects, sourceBytes: planned.bytes - skipped.bytes };
  return {
    schema: 'tributary.progress/1', run: { id, stamp: run.stamp, job: 'merge', label: run.label }, source, target,
    phase: 'DONE', state: 'ended', startedMs, planned: { objects: planned.objects, bytes: planned.bytes, groups: planned.groups, ...taken },
    tally: result.schema === 'tributary.plan/1' ? emptyTally() : tallyOf(result),
    batches: { total: 0, done: 0, running: 0 }, limits: DEFAULT_LIMITS, control, result, underwayBytes: 0, waiting: null,
  };
}

function tallyOf({ done, partial, failed, lines, chunks, requests, retries, errors }: Report): LiveProgress['tally'] {
  return {
    doneObjects: done.objects, doneBytes: done.bytes, partialObjects: partial.objects, partialBytes: partial.bytes,
    failedObjects: failed.objects, failedBytes: failed.bytes, lines, chunks: chunks.count, chunkBytes: chunks.bytes,
    requests, retries, errors: Object.fromEntries(errors.map(({ code, count }) => [code, count])),
  };
}
