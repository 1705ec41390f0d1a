import type { WriteReportInput } from '../contracts/activities.ts';
import { formatS3Uri } from '../contracts/location.ts';
import type { MergeSpec } from '../contracts/merge.ts';
import type { PlanTotals } from '../contracts/plan.ts';
import type { PlanReport, Report } from '../contracts/report.ts';

/** What a report says beyond what the workflow knows. */
export interface ReportFacts {
  readonly endedMs: number;
  readonly historyBytes: number;
  /** What is in the target of a run that was stopped; null where only the tally knows. */
  readonly chunks: Report['chunks'] | null;
  /** One example for each error code, without secrets. */
  readonly examples: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** Where something worked in a weaker way than it should. */
  readonly notes: readonly string[];
}

/**
 * The report of a run that has ended. Sources that a cancelled or failed run did not get to are `skipped`, by the reasons
 * `cancelled` and `not-reached`. A completed run with failed or partial sources is `completed_with_failures`.
 * Figures that do not reconcile are a defect of ours, and no reason to keep the report back: `notes` says which.
 */
export function buildReport(input: WriteReportInput, facts: ReportFacts): Report {
  const { run, planned, tally } = input;
  const done = { objects: tally.doneObjects, bytes: tally.doneBytes };
  const partial = { objects: tally.partialObjects, bytes: tally.partialBytes };
  const failed = { objects: tally.failedObjects, bytes: tally.failedBytes };
  const reached = { objects: done.objects + partial.objects + failed.objects, bytes: done.bytes + partial.bytes + failed.bytes };
  const skipped = skippedBy(planned);
  if (input.status !== 'completed' && planned) {
    const objects = Math.max(0, planned.objects - skipped.objects - reached.objects);
    skipped.objects += objects;
    skipped.bytes += Math.max(0, planned.bytes - skipped.bytes - reached.bytes);
    if (objects > 0) skipped.reasons[input.status === 'cancelled' ? 'cancelled' : 'not-reached'] = objects;
  }
  const takenObjects = done.objects + partial.objects;
  const report: Report = {
    schema: 'tributary.report/1',
    run: { id: run.id, stamp: run.stamp, job: 'merge', label: input.label, planHash: input.planHash },
    source: input.source,
    target: input.target,
    status: input.status === 'completed' && partial.objects + failed.objects > 0 ? 'completed_with_failures' : input.status,
    time: { started: new Date(run.startedMs).toISOString(), ended: new Date(facts.endedMs).toISOString(), seconds: (facts.endedMs - run.startedMs) / 1000 },
    planned: { objects: planned?.objects ?? 0, bytes: planned?.bytes ?? 0, groups: planned?.groups ?? 0 },
    done, partial, failed, skipped,
    lines: tally.lines,
    averageLinesPerObject: takenObjects === 0 ? 0 : Math.round(tally.lines / takenObjects * 100) / 100,
    chunks: facts.chunks ?? { count: tally.chunks, bytes: tally.chunkBytes },
    requests: tally.requests,
    retries: tally.retries,
    historyBytes: facts.historyBytes,
    verify: input.verify,
    errors: errorsOf(input, facts.examples),
    control: formatS3Uri(run.control),
  };
  const uncounted = report.chunks.count - tally.chunks;
  const notes = [...facts.notes, ...ownOutputNotes(report), ...(uncounted > 0 ? [uncountedNote(uncounted)] : []), ...reconciles(report).map((equation) => `The figures do not reconcile: ${equation}.`)];
  return notes.length > 0 ? { ...report, notes } : report;
}

/** Errors of sources by how often they came, and the one that ended a run that failed. */
function errorsOf({ tally, failure }: WriteReportInput, examples: ReportFacts['examples']): Report['errors'] {
  const errors = Object.entries(tally.errors).sort(([codeA, a], [codeB, b]) => b - a || (codeA < codeB ? -1 : 1))
    .map(([code, count]) => ({ code, count, example: { ...examples[code] } }));
  if (failure && !Object.hasOwn(tally.errors, failure.code)) errors.push({ code: failure.code, count: 1, example: { ...failure.facts } });
  return errors;
}

/** Where a compaction in place is repeated, its chunks are met each time; elsewhere somebody may take them for merged. */
function ownOutputNotes({ source, target, skipped: { reasons } }: Report): string[] {
  const chunks = reasons['own-output'] ?? 0;
  if (chunks === 0 || target.startsWith(source) || source.startsWith(target)) return [];
  return [`${chunks} of the skipped objects are chunks of earlier merges, whose sources lie under ${source} too (own-output). Where those sources were deleted since, the chunks hold the only copy, and it is not in the target.`];
}

function uncountedNote(chunks: number): string {
  return `${chunks} of the chunks were published by calls that ended before they could tell: they are whole, and their sources and lines are not counted here.`;
}

/** Of the planned objects, those that the plan leaves out, by reason. */
export function skippedBy(planned: PlanTotals | null): Report['skipped'] {
  const reasons = Object.entries(planned?.skipped ?? {});
  return {
    objects: reasons.reduce((sum, [, { objects }]) => sum + objects, 0),
    bytes: reasons.reduce((sum, [, { bytes }]) => sum + bytes, 0),
    reasons: Object.fromEntries(reasons.map(([reason, { objects }]) => [reason, objects])),
  };
}

/** The equations that every report has to keep, and this one does not: none where it is right. */
export function reconciles(report: Pick<Report, 'planned' | 'done' | 'partial' | 'skipped' | 'failed'>): string[] {
  const violated: string[] = [];
  for (const unit of ['objects', 'bytes'] as const) {
    const parts = (['done', 'partial', 'skipped', 'failed'] as const).map((name) => ({ name, amount: report[name][unit] }));
    if (parts.reduce((sum, { amount }) => sum + amount, 0) !== report.planned[unit]) {
      violated.push(`planned ${report.planned[unit]} ${unit} are not ${parts.map(({ name, amount }) => `${name} ${amount}`).join(' + ')}`);
    }
  }
  const byReason = Object.values(report.skipped.reasons).reduce((sum, objects) => sum + objects, 0);
  if (byReason !== report.skipped.objects) violated.push(`skipped ${report.skipped.objects} objects are not ${byReason} by reason`);
  return violated;
}

/** Bytes that one request reads of a large source. */
const RANGE_BYTES = 8 * 2 ** 20;
const USD_PER_MILLION = { write: 5, read: 0.4 };

/**
 * About what a plan will ask of the store, and what that costs. Every source is one read, and one more for each full range of 8 MiB;
 * every group ends with a chunk that is not full. How long lines are is not known before they are read: in `lines` mode the writes
 * are one for each `partBytes` of sources, and one for each group.
 */
export function estimatePlan(totals: PlanTotals, spec: Pick<MergeSpec, 'chunk' | 'partBytes' | 'verify'>): Pick<PlanReport, 'requests' | 'cost'> {
  const fullRanges = Math.floor(totals.sourceBytes / RANGE_BYTES);
  const fullParts = Math.floor(totals.sourceBytes / spec.partBytes);
  const chunkBytes = 'bytes' in spec.chunk ? spec.chunk.bytes : spec.partBytes;
  const fullChunks = Math.floor(totals.sourceBytes / chunkBytes);
  const chunks = fullChunks + totals.groups;
  // A chunk of several parts has a last one that is not full, and is created and completed besides.
  const writes = chunkBytes > spec.partBytes ? fullParts + 3 * fullChunks + totals.groups : chunks;
  const requests = {
    list: totals.listRequests + (spec.verify === 'none' ? 0 : Math.ceil(chunks / 1000)),
    get: totals.sources + fullRanges + (spec.verify === 'content' ? chunks + fullRanges : 0),
    head: 0,
    put: writes,
    copy: 0,
    delete: 0,
  };
  const usd = ((requests.list + requests.put) * USD_PER_MILLION.write + (requests.get + requests.head) * USD_PER_MILLION.read) / 1e6;
  const lengths = 'bytes' in spec.chunk
    ? `chunks of ${sizeText(spec.chunk.bytes)}`
    : `lines of unknown length, so one write for each ${sizeText(spec.partBytes)} of sources and one for each group`;
  return {
    requests,
    cost: {
      usd: Math.round(usd * 1e6) / 1e6,
      basis: `S3 Standard in us-east-1: LIST and PUT ${USD_PER_MILLION.write} USD, GET ${USD_PER_MILLION.read} USD per million requests; `
        + `${lengths}; compressed sources count as listed; storage, transfer and control data are not included`,
    },
  };
}

function sizeText(sizeBytes: number): string {
  return sizeBytes < 2 ** 20 ? `${sizeBytes} bytes` : `${Math.round(sizeBytes / 2 ** 20 * 100) / 100} MiB`;
}
