/** Starts a run and follows it, for `merge`, `plan` and `apply`; goes on with one that is there already, in local mode and for `watch`. */
import { EXIT } from '../../contracts/errors.ts';
import type { PlanReport, Report } from '../../contracts/report.ts';
import { interruptedMessage, pauseAndWait } from '../interrupted.ts';
import type { Context } from '../context.ts';
import { follow } from '../follow.ts';
import { renderPlan } from '../render/plan.ts';
import { renderReport } from '../render/report.ts';
import type { Run } from '../runs.ts';
import type { Session } from '../session.ts';

export interface FollowFlags {
  readonly stats: string;
}

/** Follows a run to its end, prints its answer, and leaves as local mode or a cluster asks for. @returns the exit code */
export async function followToEnd(context: Context, session: Session, run: Run, flags: FollowFlags): Promise<number> {
  const { output } = context;
  const followed = await follow(session, run, output, { stats: flags.stats, signal: context.interrupt() });
  if (followed.ended) return answer(context, followed.result);
  if (session.outlivesUs) {
    output.say(`detached; the run ${run.id} goes on. Come back with: tributary watch ${run.id}`);
  } else {
    output.say(`pausing the run ${run.id} …`);
    output.say(interruptedMessage(run.id, await pauseAndWait(run)));
  }
  return EXIT.detached;
}

function answer({ output }: Context, result: Report | PlanReport): number {
  if (result.schema === 'tributary.plan/1') {
    output.answer(result, (style) => renderPlan(result, style));
    return EXIT.ok;
  }
  output.answer(result, (style) => renderReport(result, style));
  return exitCodeOf(result);
}

/** What a finished run means for a script. */
export function exitCodeOf(report: Report): number {
  if (report.verify.differences > 0) return EXIT.differences;
  switch (report.status) {
    case 'completed': return EXIT.ok;
    case 'completed_with_failures': return EXIT.sourcesFailed;
    case 'cancelled': return EXIT.cancelled;
    case 'failed': return EXIT.other;
  }
}
