import { EXIT, TributaryError } from '../../contracts/errors.ts';
import type { Context } from '../context.ts';
import { withRun } from '../open-run.ts';
import { renderPlan } from '../render/plan.ts';
import { renderReport } from '../render/report.ts';

/** `tributary report RUN`. Needs no worker. @throws what the run failed with @returns the exit code */
export async function report(context: Context, id: string): Promise<number> {
  return withRun(context, id, { worker: 'none' }, async ({ run, description }) => {
    if (description.status.name === 'RUNNING') throw new TributaryError('TRB-RUN-OPEN', `the run ${id} has not ended yet`);
    const result = await run.result();
    context.output.answer(result, (style) => (result.schema === 'tributary.plan/1' ? renderPlan(result, style) : renderReport(result, style)));
    return EXIT.ok;
  });
}
