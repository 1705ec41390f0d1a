import { setTimeout as sleep } from 'node:timers/promises';
import type { VerifyRunInput } from '../../contracts/activities.ts';
import { EXIT, TributaryError } from '../../contracts/errors.ts';
import { locationInput } from '../../contracts/location.ts';
import { QUEUES } from '../../contracts/names.ts';
import type { VerifyReport } from '../../contracts/report.ts';
import type { Context } from '../context.ts';
import type { Output } from '../output.ts';
import { hasPollers } from '../pollers.ts';
import { renderVerify } from '../render/runs.ts';
import { findFinishedRun } from '../run-list.ts';
import { openSession, type Session } from '../session.ts';

const LOOK_EACH_MS = 2_000;

/**
 * `tributary verify RUN`: the chunks of a run. `verify SRC DST`: those of the newest run that merged the one into the other, and of its
 * retries; and whether all that SRC holds now is in them. @returns the exit code
 */
export async function verify(context: Context, first: string, target: string | undefined, flags: { readonly verify: 'size' | 'content' }): Promise<number> {
  if (target !== undefined) for (const place of [first, target]) refuseBadPlace(place);
  else if (/^s3a?:/.test(first)) throw new TributaryError('TRB-INVALID-INPUT', `verify takes the id of a run, or a source and its target; ${first} has no target beside it`);
  const session = await openSession(context, { worker: 'all', handlesInterrupt: true });
  try {
    const run = target === undefined ? first : await findFinishedRun(session.runs, first, target);
    if (run === undefined) throw new TributaryError('TRB-RUN-NOT-FOUND', `no finished run merged ${first} into ${target ?? ''}`);
    const { status } = await session.runs.guard({ run }, () => session.runs.run(run).handle.describe());
    if (status.name === 'RUNNING') throw new TributaryError('TRB-RUN-OPEN', `the run ${run} has not ended yet: what it wrote can be verified when it has`);
    const report = await verified(context, session, { run, mode: flags.verify, ...(target === undefined ? {} : { sources: true }) });
    if (report === null) return EXIT.detached;
    context.output.answer(report, (style) => renderVerify(report, style));
    return report.differences.length === 0 ? EXIT.ok : EXIT.differences;
  } finally {
    await session.close();
  }
}

/** @returns null where the reader left first: nobody would see what is found, so the verification ends too */
async function verified(context: Context, session: Session, input: VerifyRunInput): Promise<VerifyReport | null> {
  const stop = new AbortController();
  // Whoever leaves takes back what was asked: a connection must not be closed under a call.
  const ask = async <T>(call: () => Promise<T>): Promise<T> => session.runs.client.withAbortSignal(stop.signal, call);
  const verification = await session.runs.verify(input);
  const telling = ask(() => tellWhereNobodyWorks(context.output, session, stop.signal));
  const resulting = ask(() => verification.result());
  const leaving = context.interrupt();
  try {
    const report = await Promise.race([resulting, session.workerFailed, once(leaving)]);
    if (report === null) {
      await verification.stop();
      context.output.say(`the verification ${verification.id} was stopped`);
    }
    return report;
  } finally {
    stop.abort();
    await Promise.allSettled([telling, resulting]);
  }
}

/** Resolves to null when the signal is aborted. */
async function once(signal: AbortSignal): Promise<null> {
  if (!signal.aborted) await new Promise((resolve) => { signal.addEventListener('abort', resolve, { once: true }); });
  return null;
}

function refuseBadPlace(text: string): void {
  const parsed = locationInput.safeParse(text);
  if (!parsed.success) throw new TributaryError('TRB-INVALID-INPUT', `"${text}" is not an S3 URI; write s3://bucket/prefix/`);
}

/** Workers may come and go: it is looked again each time, and told once for each time that there is none. */
export async function tellWhereNobodyWorks(output: Output, { runs, where }: Session, signal: AbortSignal): Promise<void> {
  if (where.kind === 'embedded') return;
  for (let told = false; ;) {
    await sleep(LOOK_EACH_MS, undefined, { signal });
    // A server that is away for a moment is not without workers.
    const polled = await hasPollers(runs, QUEUES.control).catch(() => true);
    if (!polled && !told) output.say(`waiting: no worker serves the queue ${QUEUES.control} at ${runs.address}; start one with \`tributary worker\``);
    told = !polled;
  }
}
