import { EXIT } from '../../contracts/errors.ts';
import type { ApplyInput, MergeInput, RetryInput } from '../../contracts/merge.ts';
import type { Context } from '../context.ts';
import { mergeInputOf, type MergeFlags } from '../merge-input.ts';
import type { Run } from '../runs.ts';
import { openSession, type Session } from '../session.ts';
import type { FollowFlags } from './start.ts';

export interface RunFlags extends FollowFlags {
  readonly id?: string;
  readonly detach?: boolean;
}

/** `tributary merge SRC DST`, and `tributary plan merge SRC DST`. @returns the exit code */
export async function merge(context: Context, source: string, target: string, flags: MergeFlags & RunFlags): Promise<number> {
  const input = mergeInputOf(source, target, flags);
  const session = await openSession(context, { worker: 'all', handlesInterrupt: true, detach: flags.detach === true });
  try {
    return await startAndFollow(context, session, flags, async () => await runToGoOnWith(context, session, input, flags.id) ?? session.runs.merge(input, flags.id));
  } finally {
    await session.close();
  }
}

/** @returns the exit code */
export async function startAndFollow(context: Context, session: Session, flags: RunFlags, start: () => Promise<Run>): Promise<number> {
  const { output } = context;
  const run = await start();
  // From here on whoever leaves leaves a run behind, and is told so.
  context.interrupt();
  const page = session.page(run.id);
  output.say(`run ${run.id}${page === undefined ? '' : `  ${page}`}`);
  if (flags.detach === true) {
    output.answer({ id: run.id }, () => run.id);
    return EXIT.ok;
  }
  // Only now: the run does not have to wait for what shows it.
  const { followToEnd } = await import('./start.ts');
  return followToEnd(context, session, run, flags);
}

/** In local mode a command that was killed is said again: an open run of the same input is gone on with. @throws as `findOpenRun` */
export async function runToGoOnWith({ output }: Context, session: Session, input: MergeInput | ApplyInput | RetryInput, id: string | undefined): Promise<Run | undefined> {
  if (session.outlivesUs) return undefined;
  const [{ findOpenRun }, { resumeIfPaused }] = await Promise.all([import('../run-list.ts'), import('./watch.ts')]);
  const open = await findOpenRun(session.runs, input, id);
  if (open === undefined) return undefined;
  const run = session.runs.run(open);
  await resumeIfPaused(session, run);
  output.say(session.alone ? `resuming the run ${run.id} from where it was` : `the run ${run.id} does this already; following it`);
  return run;
}
