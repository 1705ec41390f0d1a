import type { WorkflowExecutionDescription } from '@temporalio/client';
import { reportSchema, type Report } from '../contracts/report.ts';
import type { Context } from './context.ts';
import { controlDataOf } from './control-data.ts';
import type { Session } from './session.ts';
import { withStores } from './stores.ts';
import { storesOf } from './where.ts';

/** The report that a failed run left behind; undefined where it had nothing to report, or its target cannot be read. */
export async function leftReport(context: Context, session: Session, description: WorkflowExecutionDescription): Promise<Report | undefined> {
  const control = controlDataOf(description);
  if (control === undefined) return undefined;
  const { store, bucket, prefix } = control;
  try {
    return await withStores(storesOf(context.config(), session.where), async (open) =>
      reportSchema.safeParse(JSON.parse((await open(store).get({ bucket, key: `${prefix}report.json` })).toString('utf8'))).data);
  } catch (error) {
    context.output.detail(`the report of the run cannot be read: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}
