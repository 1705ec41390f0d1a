import { ERRORS, EXIT, isTributaryError, TributaryError } from '../../contracts/errors.ts';
import { reportSchema, type PlanReport, type Report } from '../../contracts/report.ts';
import type { Context } from '../context.ts';
import { controlDataOf } from '../control-data.ts';
import { withRun, type OpenRun } from '../open-run.ts';
import { printError } from '../print-error.ts';
import { renderPlan } from '../render/plan.ts';
import { renderReport } from '../render/report.ts';
import { withStores } from '../stores.ts';
import { storesOf } from '../where.ts';

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
async function ofFailed(context: Context, open: OpenRun, error: TributaryError): Promise<number> {
  const left = await leftBehind(context, open).catch(() => undefined);
  if (left === undefined) throw error;
  print(context, left);
  printError(error, context.output);
  return ERRORS[error.code].exitCode;
}

/** Undefined where the run failed before it had anything to report. */
async function leftBehind(context: Context, { session, description }: OpenRun): Promise<Report | undefined> {
  const control = controlDataOf(description);
  if (control === undefined) return undefined;
  const { store, bucket, prefix } = control;
  return withStores(storesOf(context.config(), session.where), async (open) =>
    reportSchema.safeParse(JSON.parse((await open(store).get({ bucket, key: `${prefix}report.json` })).toString('utf8'))).data);
}

function print({ output }: Context, result: Report | PlanReport): void {
  output.answer(result, (style) => (result.schema === 'tributary.plan/1' ? renderPlan(result, style) : renderReport(result, style)));
}
