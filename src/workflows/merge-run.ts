/** `mergeRun`: the root of a merge. PLAN freezes what is read, WRITE merges it, VERIFY looks at what is there, REPORT says so. */
import { CancellationScope, log, ParentClosePolicy, startChild, upsertMemo, workflowInfo } from '@temporalio/workflow';
import type { PlanPageResult, ResolvedRun, SealedPlanRef, VerifyPageProgress, VerifyPageResult } from '../contracts/activities.ts';
import type { Limits } from '../contracts/limits.ts';
import { MEMO } from '../contracts/names.ts';
import type { PlanTotals } from '../contracts/plan.ts';
import type { PlanReport, Report } from '../contracts/report.ts';
import { addRequests, addTally } from '../contracts/tally.ts';
import { makeStamp } from '../core/names.ts';
import { runBatches } from './batches.ts';
import { bounded } from './bounded.ts';
import { asFailure, reportedFailure, tallyOfFailure } from './failures.ts';
import { pageId } from './ids.ts';
import { holdLease } from './lease.ts';
import { mergePage } from './merge-page.ts';
import { callsWith, type Calls } from './proxies.ts';
import { RunState } from './run-state.ts';

/** Work pages at the same time: a slow batch of one must not hold up the next. */
const PAGES_IN_FLIGHT = 2;

export async function mergeRun(input: unknown): Promise<Report | PlanReport> {
  const { firstExecutionRunId, startTime, workflowId } = workflowInfo();
  const startedMs = startTime.getTime();
  const state = new RunState({ id: workflowId, stamp: makeStamp(startedMs, firstExecutionRunId), startedMs });
  return CancellationScope.nonCancellable(async () => {
    try {
      const resolved = await callsWith().short.resolveSpec({ identity: state.identity, raw: input ?? {} });
      state.resolved(resolved);
      return state.ended(resolved.dryRun ? await planOnly(state, resolved) : await merge(state, resolved));
    } catch (error) {
      await state.orphans.ended();
      throw asFailure(error, state.tally);
    }
  });
}

function callsOf({ heartbeatTimeoutMs }: ResolvedRun): Calls {
  return callsWith(heartbeatTimeoutMs);
}

/** Freezes the plan and stops. */
async function planOnly(state: RunState, resolved: ResolvedRun): Promise<PlanReport | Report> {
  const run = await checked(resolved);
  const plan = await makePlan(state, run);
  if (!plan) return report(state, run, null, 'cancelled', 0);
  return callsOf(run).short.writePlanReport({ run: run.run, source: run.source, target: run.target, label: run.label, plan });
}

/** The run with what the check of both sides found out. */
async function checked(resolved: ResolvedRun): Promise<ResolvedRun> {
  const run = await callsOf(resolved).walking.checkAccess({ run: resolved.run, spec: resolved.spec });
  upsertMemo({ [MEMO.run]: run });
  return { ...resolved, run };
}

async function merge(state: RunState, resolved: ResolvedRun): Promise<Report> {
  const lease = await holdLease(resolved.targetHash, resolved.target, () => { state.control.cancel(); });
  let run = resolved;
  let plan: SealedPlanRef | null = null;
  try {
    run = await checked(resolved);
    plan = await makePlan(state, run);
    if (plan) await write(state, run, plan);
    await lease.confirm();
    await state.orphans.ended();
    const differences = plan && !state.control.cancelled ? await verify(state, run) : 0;
    return await report(state, run, plan, state.control.cancelled ? 'cancelled' : 'completed', differences);
  } catch (error) {
    await state.orphans.ended();
    // What stopped the run may keep its report from being written too; the failure says why in either case.
    if (plan) await report(state, run, plan, 'failed', 0, error).catch((unwritten: unknown) => { log.warn('no report could be written', { unwritten }); });
    throw error;
  }
}

/** @returns null where the run was cancelled first */
async function makePlan(state: RunState, resolved: ResolvedRun): Promise<SealedPlanRef | null> {
  const { run, planHash } = resolved;
  const { short, walking } = callsOf(resolved);
  state.enter('PLAN');
  if (planHash !== null) {
    const plan = await short.openPlan({ run, planHash });
    state.planned(plan.totals);
    return plan;
  }
  for (let segment: string | null = null; await state.control.mayGoOn();) {
    const at: string | null = segment;
    const page: PlanPageResult | null = await state.control.interruptible(() => walking.planPage({ run, segment: at, limits: state.control.limits }), lastSegment);
    if (!page) continue;
    segment = page.segment;
    state.planned(page.totals);
    if (!page.plan) continue;
    const { tally } = state.batches;
    state.batches.tally = { ...tally, requests: { ...tally.requests, list: tally.requests.list + page.plan.totals.listRequests } };
    return page.plan;
  }
  return null;
}

/** A call that died leaves the last segment that it had written. */
function lastSegment(told: unknown): PlanPageResult | null {
  return isSegment(told) ? { segment: told.segment, totals: told.totals, plan: null } : null;
}

function isSegment(told: unknown): told is Pick<PlanPageResult, 'segment' | 'totals'> {
  return typeof told === 'object' && told !== null && 'segment' in told && 'totals' in told;
}

/** Runs the batches: here where one work page holds them all, else in a `mergePage` child for each page. */
async function write(state: RunState, run: ResolvedRun, plan: SealedPlanRef): Promise<void> {
  state.enter('WRITE');
  const { control } = state;
  const common = { run: run.run, planHash: plan.planHash, onError: run.onError, heartbeatTimeoutMs: run.heartbeatTimeoutMs };
  const [onlyPage] = plan.workPages;
  if (plan.workPages.length === 1 && onlyPage !== undefined) {
    await runBatches(control, { ...common, page: 0, batches: onlyPage, summaries: plan.summaries }, state.batches, () => { state.show(); });
    return;
  }
  const underWay: number[] = [];
  const shareOf = (page: number) => (limits: Limits): Limits => {
    // Together they may do what the run may: of an odd number the first has one more, and of a single one the second has nothing.
    const behind = PAGES_IN_FLIGHT - 1 - underWay.indexOf(page);
    return { ...limits, parallelGroups: Math.floor((limits.parallelGroups + behind) / PAGES_IN_FLIGHT) };
  };
  await bounded(plan.workPages.length, () => Math.min(PAGES_IN_FLIGHT, control.limits.parallelGroups), () => control.mayGoOn(), async (page) => {
    const batches = plan.workPages[page] ?? 0;
    const share = shareOf(page);
    underWay.push(page);
    try {
      const tally = await control.withChild(() => startChild(mergePage, {
        workflowId: pageId(page), args: [{ ...common, page, batches, limits: share(control.limits) }],
        staticSummary: `batches of page ${page + 1} of ${plan.workPages.length}`, parentClosePolicy: ParentClosePolicy.TERMINATE,
      }), share);
      state.batches.tally = addTally(state.batches.tally, tally);
      state.batches.done += batches;
    } catch (error) {
      state.batches.tally = addTally(state.batches.tally, tallyOfFailure(error));
      throw error;
    } finally {
      underWay.splice(underWay.indexOf(page), 1);
      // The one behind it is the first now.
      if (control.limits.parallelGroups % PAGES_IN_FLIGHT !== 0) control.setLimits(control.limits);
      state.show();
    }
  }, () => { control.cancel(); });
}

/** @returns how many differences there are between the target and the chunk index */
async function verify(state: RunState, resolved: ResolvedRun): Promise<number> {
  const { run, verify: mode } = resolved;
  if (mode === 'none') return 0;
  state.enter('VERIFY');
  for (let alreadyRead = 0; await state.control.mayGoOn();) {
    const from = alreadyRead;
    const page = await state.control.interruptible<VerifyPageResult | VerifyPageProgress>(
      () => callsOf(resolved).walking.verifyPage({ run, mode, limits: state.control.limits, alreadyRead: from }), verified);
    if (!page) continue;
    state.batches.tally = { ...state.batches.tally, requests: addRequests(state.batches.tally.requests, page.requests) };
    if ('differences' in page) return page.differences;
    alreadyRead = page.read;
  }
  return 0;
}

/** What a call had read that came to no result. */
function verified(told: unknown): VerifyPageProgress | null {
  return typeof told === 'object' && told !== null && 'read' in told && 'requests' in told ? told as VerifyPageProgress : null;
}

async function report(state: RunState, run: ResolvedRun, plan: SealedPlanRef | null, status: 'completed' | 'failed' | 'cancelled', differences: number, error?: unknown): Promise<Report> {
  state.enter('REPORT');
  const totals: PlanTotals | null = plan?.totals ?? state.planTotals;
  return callsOf(run).walking.writeReport({
    run: run.run, source: run.source, target: run.target, label: run.label, planHash: plan?.planHash ?? null, status,
    planned: totals, tally: state.tally, verify: { mode: run.verify, differences },
    failure: status === 'failed' ? reportedFailure(error) : null,
  });
}
