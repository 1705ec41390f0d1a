/**
 * `planPage`: walks the listing from where the last segment ended, and freezes what it finds, segment by segment. At the end it seals the plan.
 *
 * Invariants:
 * N1. A segment names its page, its batch files, the cursor after it and the segment before it; its own hash pins all of them.
 *     So history holds one hash, however long the listing, and no key.
 * N2. A segment holds at most `SEGMENT_ROWS` sources, so that memory does not grow with the listing; and what is listed within a minute, so that a walk that selects
 *     little loses no more of it to a pause or a worker's death.
 * N3. Keys ascend in UTF-8 order, or the run fails.
 * N4. What an execution sealed is the plan of those after it, which a reset makes: only the first one lists.
 */
import { Context } from '@temporalio/activity';
import { gzipSync } from 'node:zlib';
import type { ControlActivities, RunRef } from '../contracts/activities.ts';
import type { MergeSpec } from '../contracts/merge.ts';
import { planSegment, type BatchFileRef, type PlannedBatch, type PlanRow, type PlanSegment, type PlanTotals } from '../contracts/plan.ts';
import { isControlKey, makeStamp } from '../core/names.ts';
import { assertAscending, createPlanner, type Planner } from '../core/planner.ts';
import { contentHash, getArtefact, putArtefact } from '../stores/artefacts.ts';
import type { ObjectStore } from '../stores/object-store.ts';
import { boundary, interruption } from './boundary.ts';
import { collectRetry } from './collect-retry.ts';
import { sourceSelection } from './own-output.ts';
import { planPrefix, type RunArtefacts } from './run-artefacts.ts';
import type { RunShares } from './run-shares.ts';
import { findSealedPlan, sealPlan } from './seal-plan.ts';

const SEGMENT_ROWS = 50_000;
const SEGMENT_MS = 60_000;
const BATCHES_PER_FILE = 500;
/** A call ends after this time, with what it has. */
const CALL_MS = 5 * 60_000;

/** The last segment written, and whether the listing ended in it. */
interface Walked { readonly segment: string; readonly done: boolean; readonly totals: PlanTotals }

const EMPTY_TOTALS: PlanTotals = { objects: 0, bytes: 0, sources: 0, sourceBytes: 0, groups: 0, batches: 0, skipped: {}, listRequests: 0 };

export function createPlanPage(artefacts: RunArtefacts, shares: RunShares): ControlActivities['planPage'] {
  return ({ run, segment, limits }) => {
    shares.limit(run.id, limits);
    const heartbeat: unknown = Context.current().info.heartbeatDetails;
    let latest: Walked | null = isWalked(heartbeat) ? heartbeat : null;
    return boundary(async (signal) => {
      const spec = await artefacts.spec(run, signal);
      const target = artefacts.targetSession(run).store;
      const control = new Segments(target, run.control.bucket, planPrefix(spec, run));
      const collect = spec.retryOf ? retried(target) : listed;
      const source = artefacts.sourceSession(run, spec).store;
      const endMs = Date.now() + CALL_MS;
      const sealed = segment === null && !latest && isLaterExecution(run) ? await findSealedPlan(artefacts, run, signal) : null;
      // Of a sealed plan nobody asks for a segment.
      if (sealed) return { segment: sealed.planHash, totals: sealed.totals, plan: sealed };
      try {
        while (!latest?.done && Date.now() < endMs) {
          const from: string | null = latest?.segment ?? segment;
          latest = await planSegmentFrom(source, control, collect, spec, run, from, signal);
          Context.current().heartbeat(latest);
        }
        if (latest?.done) return { segment: latest.segment, totals: latest.totals, plan: await sealPlan(artefacts, run, latest.segment, signal) };
      } catch (error) {
        if (!signal.aborted || !latest || !Context.current().cancellationDetails?.cancelRequested) throw error;
      }
      if (!latest) throw interruption(signal);
      return { segment: latest.segment, totals: latest.totals, plan: null };
    }, { checkpoint: () => latest });
  };
}

/** The stamp is that of the first execution. */
function isLaterExecution({ stamp, startedMs }: RunRef): boolean {
  const { workflowExecution } = Context.current().info;
  return workflowExecution !== undefined && makeStamp(startedMs, workflowExecution.runId) !== stamp;
}

function isWalked(details: unknown): details is Walked {
  return typeof details === 'object' && details !== null && 'segment' in details;
}

/** The artefacts of a plan that is being made. */
class Segments {
  readonly #store: ObjectStore;
  readonly #bucket: string;
  readonly #prefix: string;

  constructor(store: ObjectStore, bucket: string, prefix: string) {
    this.#store = store;
    this.#bucket = bucket;
    this.#prefix = prefix;
  }

  /** @returns the hash that the artefact is named by */
  async put(folder: string, suffix: string, bytes: Buffer, signal: AbortSignal): Promise<string> {
    const hash = contentHash(bytes);
    await putArtefact(this.#store, { bucket: this.#bucket, key: `${this.#prefix}${folder}/${hash}${suffix}` }, bytes, { signal });
    return hash;
  }

  async segment(hash: string, signal: AbortSignal): Promise<PlanSegment> {
    const bytes = await getArtefact(this.#store, { bucket: this.#bucket, key: `${this.#prefix}plan/${hash}.segment.json` }, hash, { signal });
    return planSegment.parse(JSON.parse(bytes.toString()));
  }
}

async function planSegmentFrom(
  source: ObjectStore, control: Segments, collect: Collect, spec: MergeSpec, run: RunRef, previous: string | null, signal: AbortSignal,
): Promise<Walked> {
  const before = previous === null ? null : await control.segment(previous, signal);
  if (previous !== null && before && before.cursor === null) return { segment: previous, done: true, totals: before.totals };
  const planner = createPlanner({ groupBy: spec.groupBy, extension: spec.extension, compressionAuto: spec.compression.input === 'auto' }, before?.cursor ?? undefined);
  const collected = await collect(source, spec, run, planner, before, signal);
  if (collected.ended) planner.finish();
  else planner.flush();
  const { rows, text, totals } = collected;
  const batchFiles = await writeBatches(control, planner.takeBatches(), signal);
  for (const file of batchFiles) {
    totals.batches += file.batches;
    totals.groups += file.groups;
  }
  const firstRow = before?.cursor?.nextRow ?? 0;
  const page = rows === 0 ? null : { hash: await control.put('plan', '.ndjson.gz', gzipSync(text), signal), firstRow, rows };
  const next: PlanSegment = {
    schema: 'tributary.plan-segment/1', previous, page, batchFiles, totals, cursor: collected.ended ? null : planner.cursor(collected.lastKey),
  };
  const segment = await control.put('plan', '.segment.json', Buffer.from(`${JSON.stringify(next)}\n`), signal);
  return { segment, done: collected.ended, totals };
}

/** Collects the sources of the next segment. */
type Collect = (source: ObjectStore, spec: MergeSpec, run: RunRef, planner: Planner, before: PlanSegment | null, signal: AbortSignal) => Promise<Collected>;

interface Collected {
  readonly rows: number;
  /** A line of JSON for each. */
  readonly text: string;
  readonly totals: PlanTotals;
  readonly lastKey: string;
  readonly ended: boolean;
}

function lineOf(row: PlanRow): string {
  return `${JSON.stringify(row)}\n`;
}

/** What another run could not merge. */
function retried(target: ObjectStore): Collect {
  return async (source, spec, run, planner, before, signal) => {
    const totals: PlanTotals = structuredClone(before?.totals ?? EMPTY_TOTALS);
    const after = before?.cursor?.lastKey ?? '';
    const { rows, ended } = await collectRetry({ source, target, spec, run, after, maxRows: SEGMENT_ROWS, signal });
    for (const [key, sizeBytes] of rows) {
      planner.add(key.slice(spec.source.prefix.length), sizeBytes);
      totals.objects += 1;
      totals.bytes += sizeBytes;
      totals.sources += 1;
      totals.sourceBytes += sizeBytes;
    }
    return { rows: rows.length, text: rows.map(lineOf).join(''), totals, lastKey: rows.at(-1)?.[0] ?? after, ended };
  };
}

/** Lists until a segment is full, its time is over, or the listing ends. */
const listed: Collect = async (source, spec, run, planner, before, signal) => {
  const { bucket, prefix } = spec.source;
  const reasonToSkip = sourceSelection(source, spec, run.stamp);
  /** A text a page of the listing: fifty thousand rows that were kept as objects would be moved and marked by each collection of garbage. */
  const texts: string[] = [];
  let rows = 0;
  const endMs = Date.now() + SEGMENT_MS;
  const totals: PlanTotals = structuredClone(before?.totals ?? EMPTY_TOTALS);
  let lastKey = before?.cursor?.lastKey ?? '';
  let continuationToken: string | undefined;
  for (;;) {
    const page = await source.list({ bucket, prefix, continuationToken, startAfter: continuationToken === undefined && lastKey !== '' ? lastKey : undefined }, { signal });
    totals.listRequests += 1;
    const lines: string[] = [];
    for (const object of page.objects) {
      if (lastKey !== '') assertAscending(lastKey, object.key);
      lastKey = object.key;
      if (isControlKey(object.key)) continue;
      totals.objects += 1;
      totals.bytes += object.sizeBytes;
      const asked = reasonToSkip(object, signal);
      const reason = asked instanceof Promise ? await asked : asked;
      if (reason !== null) {
        const skipped = totals.skipped[reason] ?? { objects: 0, bytes: 0 };
        totals.skipped[reason] = { objects: skipped.objects + 1, bytes: skipped.bytes + object.sizeBytes };
        continue;
      }
      planner.add(object.key.slice(prefix.length), object.sizeBytes);
      totals.sources += 1;
      totals.sourceBytes += object.sizeBytes;
      lines.push(lineOf([object.key, object.sizeBytes, object.etag, object.modifiedMs]));
    }
    rows += lines.length;
    texts.push(lines.join(''));
    // A whole page more may fit or not: the segment ends between pages, so that no page is listed twice.
    const ended = page.next === undefined;
    if (ended || rows > SEGMENT_ROWS - 1000 || Date.now() >= endMs) return { rows, text: texts.join(''), totals, lastKey, ended };
    continuationToken = page.next;
  }
};

async function writeBatches(control: Segments, batches: readonly PlannedBatch[], signal: AbortSignal): Promise<BatchFileRef[]> {
  const files: BatchFileRef[] = [];
  for (let from = 0; from < batches.length; from += BATCHES_PER_FILE) {
    // The largest first, so that none of them is what the run waits for at its end.
    const part = batches.slice(from, from + BATCHES_PER_FILE).sort((a, b) => b.bytes - a.bytes);
    const text = part.map((batch) => `${JSON.stringify(batch)}\n`).join('');
    const sum = (of: (batch: PlannedBatch) => number): number => part.reduce((total, batch) => total + of(batch), 0);
    files.push({
      hash: await control.put('batches', '.ndjson', Buffer.from(text), signal), batches: part.length,
      groups: sum((batch) => batch.groups.length), objects: sum((batch) => batch.objects), bytes: sum((batch) => batch.bytes),
    });
  }
  return files;
}
