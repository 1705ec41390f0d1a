import { EXIT } from '../../contracts/errors.ts';
import type { Context } from '../context.ts';
import { controlDataOf } from '../control-data.ts';
import { failureLines } from '../failure-records.ts';
import { withRun } from '../open-run.ts';
import { renderFailures } from '../render/runs.ts';
import { withStores } from '../stores.ts';
import { storesOf } from '../where.ts';

/** `tributary failures RUN`, also while the run goes on. Reads the run's records in its target bucket. @returns the exit code */
export async function failures(context: Context, id: string): Promise<number> {
  return withRun(context, id, { worker: 'none' }, async ({ session, description }) => {
    const control = controlDataOf(description);
    const lines = control === undefined ? [] : await withStores(storesOf(context.config(), session.where), (open) => failureLines(open(control.store), control));
    context.output.answer(lines, (style) => renderFailures(lines, style));
    if (lines.length === 0) context.output.say('no source failed');
    return EXIT.ok;
  });
}
