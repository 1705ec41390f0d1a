import { EXIT, TributaryError } from '../../contracts/errors.ts';
import { locationInput } from '../../contracts/location.ts';
import { QUEUES } from '../../contracts/names.ts';
import type { Context } from '../context.ts';
import { hasPollers } from '../pollers.ts';
import { renderVerify } from '../render/runs.ts';
import { findFinishedRun } from '../run-list.ts';
import { openSession, type Session } from '../session.ts';

const SILENCE_MS = 4_000;

/**
 * `tributary verify RUN`: the chunks of a run. `verify SRC DST`: those of the newest run that merged the one into the other, and of its
 * retries; and whether all that SRC holds now is in them. @returns the exit code
 */
export async function verify(context: Context, first: string, target: string | undefined, flags: { readonly verify: 'size' | 'content' }): Promise<number> {
  if (target !== undefined) for (const place of [first, target]) refuseBadPlace(place);
  else if (/^s3a?:/.test(first)) throw new TributaryError('TRB-INVALID-INPUT', `verify takes the id of a run, or a source and its target; ${first} has no target beside it`);
  const session = await openSession(context, { worker: 'all' });
  try {
    const run = target === undefined ? first : await findFinishedRun(session.runs, first, target);
    if (run === undefined) throw new TributaryError('TRB-RUN-NOT-FOUND', `no finished run merged ${first} into ${target ?? ''}`);
    const { status } = await session.runs.guard({ run }, () => session.runs.run(run).handle.describe());
    if (status.name === 'RUNNING') throw new TributaryError('TRB-RUN-OPEN', `the run ${run} has not ended yet: it can be verified when it has`);
    const hint = hintWhereNobodyWorks(context, session);
    const report = await Promise.race([session.runs.verify({ run, mode: flags.verify, ...(target === undefined ? {} : { sources: true }) }), session.workerFailed]).finally(() => { clearTimeout(hint); });
    context.output.answer(report, (style) => renderVerify(report, style));
    return report.differences.length === 0 ? EXIT.ok : EXIT.differences;
  } finally {
    await session.close();
  }
}

function refuseBadPlace(text: string): void {
  const parsed = locationInput.safeParse(text);
  if (!parsed.success) throw new TributaryError('TRB-INVALID-INPUT', `"${text}" is not an S3 URI; write s3://bucket/prefix/`);
}

function hintWhereNobodyWorks({ output }: Context, session: Session): NodeJS.Timeout {
  return setTimeout(() => {
    if (session.where.kind === 'embedded') return;
    hasPollers(session.runs, QUEUES.control).then((polled) => {
      if (!polled) output.say(`waiting: no worker serves the queue ${QUEUES.control} at ${session.runs.address}; start one with \`tributary worker\``);
    }, () => undefined);
  }, SILENCE_MS);
}
