import { TributaryError } from '../../contracts/errors.ts';
import type { RetryInput } from '../../contracts/merge.ts';
import type { Context } from '../context.ts';
import { limitsInputOf, type LimitFlags } from '../merge-input.ts';
import { withRun } from '../open-run.ts';
import { placesOf } from '../run-list.ts';
import { runToGoOnWith, startAndFollow, type RunFlags } from './merge.ts';

interface RetryFlags extends RunFlags, LimitFlags {
  readonly label?: string;
}

/** `tributary retry RUN`: a run of its own that merges what RUN could not. @returns the exit code */
export async function retry(context: Context, id: string, flags: RetryFlags): Promise<number> {
  const limits = limitsInputOf(flags);
  return withRun(context, id, { worker: 'all', handlesInterrupt: true, detach: flags.detach === true }, async ({ session, description }) => {
    if (description.status.name === 'RUNNING') throw new TributaryError('TRB-RUN-OPEN', `the run ${id} has not ended yet: it can be retried when it has`);
    const input: RetryInput = { retryOf: id, ...(Object.keys(limits).length === 0 ? {} : { limits }), ...(flags.label === undefined ? {} : { label: flags.label }) };
    const places = await session.runs.guard({ run: id }, () => placesOf(session.runs, description));
    return startAndFollow(context, session, flags, async () => await runToGoOnWith(context, session, input, flags.id) ?? session.runs.retry(input, places, flags.id));
  });
}
