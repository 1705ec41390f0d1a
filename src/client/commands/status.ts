import { ERRORS, EXIT, isTributaryError, type TributaryError } from '../../contracts/errors.ts';
import type { PlanReport, Report } from '../../contracts/report.ts';
import { makeStamp } from '../../core/names.ts';
import type { Context } from '../context.ts';
import { controlDataOf } from '../control-data.ts';
import { progressOfEnded, progressOfUnreported } from '../ended-progress.ts';
import { leftReport } from '../left-report.ts';
import type { StatusAnswer } from '../lines.ts';
import type { LiveProgress } from '../live-progress.ts';
import { withRun, type OpenRun } from '../open-run.ts';
import { printError } from '../print-error.ts';
import { renderPlan } from '../render/plan.ts';
import { renderProgress } from '../render/progress.ts';
import { renderReport } from '../render/report.ts';
import { renderUnreported } from '../render/runs.ts';
import { lineOf } from '../run-list.ts';

/** `tributary status RUN`: for a run that goes on its progress, for one that has ended its figures. @returns the exit code */
export async function status(context: Context, id: string): Promise<number> {
  return withRun(context, id, { worker: 'control' }, async (open) => (open.description.status.name === 'RUNNING' ? ofRunning(context, open) : ofEnded(context, open)));
}

async function ofRunning({ output }: Context, open: OpenRun): Promise<number> {
  const { run, session } = open;
  if (session.alone) output.say(`nobody works on this run at the moment; go on with it: tributary watch ${run.id}`);
  const progress = await run.progress();
  output.answer(await answerOf(open, progress), (style) => renderProgress({ progress, rates: null, nowMs: Date.now() }, style).join('\n'));
  return EXIT.ok;
}

/** Needs no worker: the result is in the run's history. */
async function ofEnded(context: Context, open: OpenRun): Promise<number> {
  const { run, description } = open;
  let result: Report | PlanReport;
  try {
    result = await run.result();
  } catch (error) {
    if (!isTributaryError(error)) throw error;
    return ofFailed(context, open, error);
  }
  context.output.answer(await answerOf(open, progressOfEnded(run.id, description.startTime.getTime(), result)), (style) => (isReport(result) ? renderReport(result, style) : renderPlan(result, style)));
  return EXIT.ok;
}

/** What the run failed with, after the figures that it left. */
async function ofFailed(context: Context, open: OpenRun, error: TributaryError): Promise<number> {
  const { session, run, description } = open;
  const startedMs = description.startTime.getTime();
  const left = await leftReport(context, session, description);
  const line = await lineOf(session.runs, description);
  const progress = left ? progressOfEnded(run.id, startedMs, left) : progressOfUnreported(line, startedMs, stampOf(description), controlDataOf(description));
  context.output.answer(await answerOf(open, progress, error), (style) => (left ? renderReport(left, style) : renderUnreported(line, style)));
  printError(error, context.output);
  return ERRORS[error.code].exitCode;
}

async function answerOf({ session, description }: OpenRun, progress: LiveProgress, error?: TributaryError): Promise<StatusAnswer> {
  return { ...await lineOf(session.runs, description), error: error ? { code: error.code, message: error.message } : null, ...progress };
}

function stampOf({ raw, runId, startTime }: OpenRun['description']): string {
  return makeStamp(startTime.getTime(), raw.workflowExecutionInfo?.firstRunId ?? runId);
}

const isReport = (result: Report | PlanReport): result is Report => result.schema === 'tributary.report/1';
