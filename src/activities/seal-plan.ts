/** The whole plan as one artefact, whose hash is the planHash: `sealPlan`, `findSealedPlan` and `openPlan`; and `describeBatches`, for people. */
import type { BatchSummaries, ControlActivities, RunRef, SealedPlanRef } from '../contracts/activities.ts';
import type { BatchFileRef, PlannedBatch, PlanPageRef, SealedPlan } from '../contracts/plan.ts';
import { planSegment } from '../contracts/plan.ts';
import { workPages } from '../core/planner.ts';
import { contentHash, getArtefact, putArtefact } from '../stores/artefacts.ts';
import { listAll } from '../stores/list-all.ts';
import type { ListedObject } from '../stores/object-store.ts';
import { boundary } from './boundary.ts';
import { planPrefix, type RunArtefacts } from './run-artefacts.ts';

/** So that a batch file of 500 summaries stays small in history. */
const SUMMARY_CHARACTERS = 80;
const PLAN_SUFFIX = '.plan.json';

/** Follows the chain of segments from the last one. */
export async function sealPlan(artefacts: RunArtefacts, run: RunRef, segment: string, signal: AbortSignal): Promise<SealedPlanRef> {
  const spec = await artefacts.spec(run, signal);
  const { store } = artefacts.targetSession(run);
  const prefix = planPrefix(spec, run);
  const pages: PlanPageRef[] = [];
  const batchFiles: BatchFileRef[] = [];
  let totals: SealedPlan['totals'] | null = null;
  for (let at: string | null = segment; at !== null;) {
    const bytes = await getArtefact(store, { bucket: run.control.bucket, key: `${prefix}plan/${at}.segment.json` }, at, { signal });
    const one = planSegment.parse(JSON.parse(bytes.toString()));
    if (one.page) pages.push(one.page);
    batchFiles.push(...one.batchFiles.toReversed());
    totals ??= one.totals;
    at = one.previous;
  }
  pages.reverse();
  batchFiles.reverse();
  if (!totals) throw new Error('a plan has at least one segment');
  const plan: SealedPlan = { schema: 'tributary.plan-index/1', specHash: run.specHash, pages, batchFiles, workPages: workPages(batchFiles), totals };
  const bytes = Buffer.from(`${JSON.stringify(plan)}\n`);
  const planHash = contentHash(bytes);
  await putArtefact(store, { bucket: run.control.bucket, key: `${prefix}plan/${planHash}${PLAN_SUFFIX}` }, bytes, { signal });
  return refOf(artefacts, run, planHash, plan, signal);
}

/**
 * What an earlier execution of a run sealed that was reset to a point before its plan. Its chunks and records count the rows of that plan: in a
 * new listing, which may hold more or less by now, they would stand for other sources.
 *
 * @returns the one that was sealed last, or null
 */
export async function findSealedPlan(artefacts: RunArtefacts, run: RunRef, signal: AbortSignal): Promise<SealedPlanRef | null> {
  const spec = await artefacts.spec(run, signal);
  const { store } = artefacts.targetSession(run);
  const prefix = `${planPrefix(spec, run)}plan/`;
  let latest: ListedObject | null = null;
  for await (const object of listAll(store, { bucket: run.control.bucket, prefix }, { signal })) {
    if (object.key.endsWith(PLAN_SUFFIX) && (!latest || object.modifiedMs > latest.modifiedMs)) latest = object;
  }
  if (!latest) return null;
  const planHash = latest.key.slice(prefix.length, -PLAN_SUFFIX.length);
  return refOf(artefacts, run, planHash, (await artefacts.plan(run, planHash, signal)).plan, signal);
}

export function createOpenPlan(artefacts: RunArtefacts): ControlActivities['openPlan'] {
  return ({ run, planHash }) => boundary(async (signal) => refOf(artefacts, run, planHash, (await artefacts.plan(run, planHash, signal)).plan, signal));
}

export function createDescribeBatches(artefacts: RunArtefacts): ControlActivities['describeBatches'] {
  return ({ run, planHash, page }) => boundary((signal) => describeBatches(artefacts, run, planHash, page, signal));
}

async function describeBatches(artefacts: RunArtefacts, run: RunRef, planHash: string, page: number, signal: AbortSignal): Promise<BatchSummaries> {
  const batches = await artefacts.batches(run, planHash, page, signal);
  return batches.map((batch) => ({ text: lineAbout(batch), groups: batch.groups.length }));
}

function lineAbout({ groups, objects, bytes }: PlannedBatch): string {
  const size = `${objects} objects, ${(bytes / 2 ** 20).toFixed(1)} MiB`;
  const [only] = groups;
  if (groups.length > 1 || !only) return `${groups.length} directories, ${size}`;
  const room = SUMMARY_CHARACTERS - size.length - 3;
  const dir = only.dir === '' ? '/' : only.dir;
  return `${dir.length > room ? `…${dir.slice(1 - room)}` : dir}: ${size}`;
}

async function refOf(artefacts: RunArtefacts, run: RunRef, planHash: string, { totals, workPages: pages, batchFiles }: SealedPlan, signal: AbortSignal): Promise<SealedPlanRef> {
  const batchesOf = ([from, to]: readonly [number, number]): number => batchFiles.slice(from, to).reduce((sum, file) => sum + file.batches, 0);
  const ref = { planHash, totals, workPages: pages.map(batchesOf) };
  return pages.length === 1 ? { ...ref, summaries: await describeBatches(artefacts, run, planHash, 0, signal) } : ref;
}
