import { ERRORS, EXIT, isTributaryError, TributaryError } from '../../contracts/errors.ts';
import type { PlanReport, Report } from '../../contracts/report.ts';
import type { Context } from '../context.ts';
import { leftReport } from '../left-report.ts';
import { withRun, type OpenRun } from '../open-run.ts';
import { printError } from '../print-error.ts';
import { renderPlan } from '../render/plan.ts';
import { renderReport } from '../render/report.ts';

/** `tributary report RUN`. Needs no worker. Of a run that failed it is the report that the run left behind. @returns the exit code */
export async function report(context: Context, id: string): Promise<number> {
  return withRun(context, id, { worker: 'none' }, async (open) => {
    if (open.description.status.name === 'RUNNING') throw new TributaryError('TRB-RUN-OPEN', `the run ${id} has not ended yet`);
    let result: Report | PlanReport;
    try {
      result = await open.run.result();
    } catch (error) {
      if (!isTributaryError(error)) throw error;
      return ofFailed(context, open, error);
    }
    print(context, result);
    return EXIT.ok;
  });
}

/** What the run failed with, after the figures that it left. */
async function ofFailed(context: Context, { session, description }: OpenRun, error: TributaryError): Promise<number> {
  const left = await leftReport(context, session, description);
  if (left === undefined) throw error;
  print(context, left);
  printError(error, context.output);
  return ERRORS[error.code].exitCode;
}

function print({ output }: Context, result: Report | PlanReport): void {
  output.answer(result, (style) => (result.schema === 'tributary.plan/1' ? renderPlan(result, style) : renderReport(result, style)));
}
