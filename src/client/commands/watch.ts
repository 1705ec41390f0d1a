import type { Context } from '../context.ts';
import type { Run } from '../runs.ts';
import { withRun } from '../open-run.ts';
import type { Session } from '../session.ts';
import { followToEnd, type FollowFlags } from './start.ts';

/** `tributary watch RUN`. In local mode a run that nobody works on goes on. @returns the exit code */
export async function watch(context: Context, id: string, flags: FollowFlags): Promise<number> {
  return withRun(context, id, { worker: 'all', handlesInterrupt: true }, async ({ session, run }) => {
    if (await resumeIfPaused(session, run)) context.output.say(`resuming the run ${id} from where it was`);
    return followToEnd(context, session, run, flags);
  });
}

/**
 * What Ctrl-C paused goes on when its command is said again. Where other commands use the server too, somebody may have meant the pause.
 * @returns whether the run was asked to go on
 */
export async function resumeIfPaused(session: Session, run: Run): Promise<boolean> {
  if (!session.alone) return false;
  const { status } = await session.runs.guard({ run: run.id }, () => run.handle.describe());
  if (status.name !== 'RUNNING') return false;
  // Of no effect on a run that is not paused.
  await run.resume();
  return true;
}
