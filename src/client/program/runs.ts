import { Argument, InvalidArgumentError, type Command } from 'commander';
import { addFollowOptions, addLimitOptions } from './flags.ts';
import type { Does } from './program.ts';

const RUN = new Argument('<run>', 'id of the run');

export function declareRuns(program: Command, does: Does): void {
  const look = (name: string, description: string): Command => program.command(name).description(description).helpGroup('Look at runs:');
  const steer = (name: string, description: string): Command => program.command(name).description(description).helpGroup('Steer runs:').addArgument(RUN);

  const runs = look('runs', 'list runs, newest first').option('--limit <n>', 'how many', atLeastOne, 50);
  does(runs, async (context) => (await import('../commands/runs.ts')).runs(context, runs.opts()));
  const status = look('status', 'where a run stands').addArgument(RUN);
  does(status, async (context, id = '') => (await import('../commands/status.ts')).status(context, id));
  const watch = look('watch', 'follow a run to its end; in local mode go on with it').addArgument(RUN);
  addFollowOptions(watch);
  does(watch, async (context, id = '') => (await import('../commands/watch.ts')).watch(context, id, watch.opts()));
  const report = look('report', 'the figures of a run that has ended').addArgument(RUN);
  does(report, async (context, id = '') => (await import('../commands/report.ts')).report(context, id));
  const failures = look('failures', 'the sources that failed, or of which only a part was kept').addArgument(RUN);
  does(failures, async (context, id = '') => (await import('../commands/failures.ts')).failures(context, id));

  const pause = steer('pause', 'stop all requests of a run within seconds; nothing that was acknowledged is done again').option('--reason <text>', 'why; kept in its history');
  does(pause, async (context, id = '') => (await import('../commands/steer.ts')).pause(context, id, pause.opts()));
  const resume = steer('resume', 'go on with a paused run');
  does(resume, async (context, id = '') => (await import('../commands/steer.ts')).resume(context, id));
  const cancel = steer('cancel', 'end a run with a report of what was done').option('--reason <text>', 'why; kept in its history');
  does(cancel, async (context, id = '') => (await import('../commands/steer.ts')).cancel(context, id, cancel.opts()));
  const limit = steer('limit', 'change what a run may use, while it goes on');
  addLimitOptions(limit);
  does(limit, async (context, id = '') => (await import('../commands/steer.ts')).limit(context, id, limit.opts()));
}

function atLeastOne(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError('It must be a whole number, at least 1.');
  return Number(text);
}
