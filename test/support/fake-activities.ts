/**
 * Activities that only pretend, for tests of the workflow code. Each answers as the real one would in a run where all goes well; a test
 * replaces those that it is about. What was asked of them is kept.
 */
import { Context } from '@temporalio/activity';
import type { ControlActivities, DataActivities, MergeChunksInput, MergeChunksResult, PlanPageResult, ResolvedRun, WriteReportInput } from '../../src/contracts/activities.ts';
import type { MergeCursor } from '../../src/contracts/cursor.ts';
import { DEFAULT_LIMITS, type Limits } from '../../src/contracts/limits.ts';
import type { MergeSpec } from '../../src/contracts/merge.ts';
import type { PlanTotals } from '../../src/contracts/plan.ts';
import type { Report } from '../../src/contracts/report.ts';
import { emptyTally, type Tally } from '../../src/contracts/tally.ts';
import { createGate } from './gate.ts';

export type Activities = ControlActivities & DataActivities;

/** What a test says of its run: the input of `mergeRun` as these fakes read it. */
export interface FakeInput {
  readonly target?: string;
  readonly limits?: Partial<Limits>;
  readonly onError?: 'continue' | 'stop';
  readonly verify?: 'none' | 'size' | 'content';
  readonly dryRun?: boolean;
  readonly planHash?: string;
  readonly heartbeatTimeoutMs?: number;
}

export interface FakeCall {
  readonly name: keyof Activities;
  readonly input: unknown;
  /** Of the workflow that made it. */
  readonly workflowId: string;
}

export interface Fakes {
  readonly activities: Activities;
  /** Every call in the order of their starts. */
  readonly calls: readonly FakeCall[];
  /** Inputs of the calls of one activity. */
  of<K extends keyof Activities>(name: K): readonly Parameters<Activities[K]>[0][];
  /** Ends every call that still goes on, so that no worker waits for it. */
  release(): void;
}

/** A plan whose only work page says what its batches are. */
export function described({ plan, ...page }: PlanPageResult, texts: readonly string[], groups = 1): PlanPageResult {
  return { ...page, plan: plan && { ...plan, summaries: texts.map((text) => ({ text, groups })) } };
}

/** @param workPages batches of each work page of the plan */
export function createFakes(workPages: readonly number[], overrides: Partial<Activities> = {}): Fakes {
  const batches = workPages.reduce((sum, count) => sum + count, 0);
  const totals: PlanTotals = { objects: batches, bytes: batches * 10, sources: batches, sourceBytes: batches * 10, groups: batches, batches, skipped: {}, listRequests: 1 };
  const plan = { planHash: 'plan-hash', totals, workPages };
  const activities: Activities = {
    resolveSpec: async ({ identity, raw }) => resolved(identity, raw as FakeInput | undefined),
    findLeaseHolder: async () => null,
    endOrphans: async () => undefined,
    checkAccess: async ({ run }) => ({ ...run, createOnce: true }),
    planPage: async () => ({ segment: 'segment-1', totals, plan }),
    openPlan: async () => plan,
    describeBatches: async ({ page }) => Array.from({ length: workPages[page] ?? 0 }, (_, batch) => ({ text: `batch ${batch} of page ${page}`, groups: 1 })),
    verifyPage: async () => ({ differences: 0, requests: { ...emptyTally().requests, head: 1 } }),
    verifyAll: async ({ run, mode }) => ({ schema: 'tributary.verify/1', run, mode, chunks: batches, differences: [], omitted: 0 }),
    writeReport: async (input) => reportOf(input),
    writePlanReport: async ({ run, source, target, label }) => ({
      schema: 'tributary.plan/1', run: { id: run.id, stamp: run.stamp, job: 'merge', label, planHash: plan.planHash }, source, target,
      planned: { objects: batches, bytes: batches * 10, groups: batches, batches }, skipped: { objects: 0, bytes: 0, reasons: {} },
      requests: emptyTally().requests, cost: { usd: 0, basis: '' }, control: 's3://merged/', spec: { store: 'default', hash: 'spec-hash' },
    }),
    mergeChunks: async () => mergedBatch(),
    ...overrides,
  };
  const calls: FakeCall[] = [];
  const end = createGate();
  const record = <K extends keyof Activities>(name: K): [K, (input: never) => unknown] => [name, (input) => {
    calls.push({ name, input, workflowId: Context.current().info.workflowExecution!.workflowId });
    const call = (activities[name] as (input: never) => Promise<unknown>)(input);
    return Promise.race([call, end.opened.then(() => { throw new Error('the test has ended'); })]);
  }];
  return {
    activities: Object.fromEntries((Object.keys(activities) as (keyof Activities)[]).map(record)) as unknown as Activities,
    calls,
    release: end.open,
    of: <K extends keyof Activities>(wanted: K) => calls.filter(({ name }) => name === wanted).map(({ input }) => input as Parameters<Activities[K]>[0]),
  };
}

function resolved(identity: ResolvedRun['run'] | { id: string; stamp: string; startedMs: number }, input: FakeInput = {}): ResolvedRun {
  const target = input.target ?? 's3://merged/';
  return {
    run: {
      ...identity, control: { store: 'default', bucket: 'merged', prefix: `_tributary/runs/${identity.stamp}/` }, specHash: 'spec-hash', planStamp: identity.stamp, createOnce: false,
    },
    // Workflows only pass it on.
    spec: { schema: 'tributary.spec/1' } as MergeSpec,
    source: 's3://logs/', target, label: null, targetHash: target.replaceAll(/\W/g, '-'), limits: { ...DEFAULT_LIMITS, ...input.limits },
    onError: input.onError ?? 'continue', verify: input.verify ?? 'size', dryRun: input.dryRun ?? false, planHash: input.planHash ?? null, searchAttributes: true,
    heartbeatTimeoutMs: input.heartbeatTimeoutMs ?? 30_000,
  };
}

function reportOf({ run, source, target, label, planHash, status, planned, tally, verify }: WriteReportInput): Report {
  return {
    schema: 'tributary.report/1', run: { id: run.id, stamp: run.stamp, job: 'merge', label, planHash }, source, target, status,
    time: { started: '', ended: '', seconds: 0 }, planned: { objects: planned?.objects ?? 0, bytes: planned?.bytes ?? 0, groups: planned?.groups ?? 0 },
    done: { objects: tally.doneObjects, bytes: tally.doneBytes }, partial: { objects: 0, bytes: 0 }, failed: { objects: 0, bytes: 0 },
    skipped: { objects: 0, bytes: 0, reasons: {} }, lines: tally.lines, averageLinesPerObject: 0, chunks: { count: tally.chunks, bytes: tally.chunkBytes },
    requests: tally.requests, retries: tally.retries, historyBytes: 0, verify, errors: [], control: '',
  };
}

/** A cursor after `lines` lines; `done` with the one object of the batch. */
export function cursorAfter(lines: number, done = false): MergeCursor {
  const tally: Tally = { ...emptyTally(), lines, doneObjects: done ? 1 : 0, doneBytes: done ? 10 : 0, chunks: done ? 1 : 0 };
  return { v: 1, low: { group: 0, row: 0, offset: lines }, chunk: 0, tally, open: [], done };
}

/** What a call returns that came as far. */
export function reached(cursor: MergeCursor, facts: Partial<MergeChunksResult> = {}): MergeChunksResult {
  return { cursor, stalledAtGroup: null, halfwayGroup: null, ...facts };
}

/** A batch that is merged to its end. */
export function mergedBatch(lines = 1): MergeChunksResult {
  return reached(cursorAfter(lines, true));
}

/** Lines that a call starts from. */
export function linesAt({ cursor }: MergeChunksInput): number {
  return cursor?.tally.lines ?? 0;
}

/** Until the call is told to stop, as the real one would. Heartbeats: without them a call never hears of it. */
export async function untilInterrupted(heartbeat: unknown): Promise<void> {
  const { cancellationSignal, heartbeat: beat } = Context.current();
  // A test may leave it waiting, and Jest would wait with it.
  const alive = setInterval(() => { beat(heartbeat); }, 20).unref();
  beat(heartbeat);
  await new Promise((resolve) => { cancellationSignal.addEventListener('abort', resolve, { once: true }); });
  clearInterval(alive);
}

/** A call that goes on until it is interrupted, and then returns a cursor ten lines further. */
export async function interrupted(input: MergeChunksInput): Promise<MergeChunksResult> {
  const further = cursorAfter(linesAt(input) + 10);
  await untilInterrupted(further);
  return reached(further);
}
