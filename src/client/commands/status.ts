import { EXIT } from '../../contracts/errors.ts';
import type { PlanReport, Report } from '../../contracts/report.ts';
import type { Context } from '../context.ts';
import { withRun, type OpenRun } from '../open-run.ts';
import { renderPlan } from '../render/plan.ts';
import { renderProgress } from '../render/progress.ts';
import { renderReport } from '../render/report.ts';
import { statusOfEnded } from '../ended-progress.ts';

/** `tributary status RUN`: for a run that goes on its progress, for one that has ended its figures. @returns the exit code */
export async function status(context: Context, id: string): Promise<number> {
  return withRun(context, id, { worker: 'control' }, async (open) => (open.description.status.name === 'RUNNING' ? ofRunning(context, open) : ofEnded(context, open)));
}

async function ofRunning({ output }: Context, { run, session }: OpenRun): Promise<number> {
  if (session.alone) output.say(`nobody works on this run at the moment; go on with it: tributary watch ${run.id}`);
  const progress = await run.progress();
  output.answer(progress, (style) => renderProgress({ progress, rates: null, nowMs: Date.now() }, style).join('\n'));
  return EXIT.ok;
}

/** Needs no worker: the result is in the run's history. */
async function ofEnded({ output }: Context, { run, description }: OpenRun): Promise<number> {
  const result = await run.result();
  output.answer(statusOfEnded(run.id, description.startTime.getTime(), result), (style) => (isReport(result) ? renderReport(result, style) : renderPlan(result, style)));
  return EXIT.ok;
}

const isReport = (result: Report | PlanReport): result is Report => result.schema === 'tributary.report/1';
