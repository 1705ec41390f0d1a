import { Argument, Option, type Command } from 'commander';
import { addFollowOptions, addLimitOptions, addMergeOptions, addRunOptions, addSelectionOptions, addWriteOptions } from './flags.ts';
import type { Does } from './program.ts';

const SOURCE = new Argument('<source>', 's3://bucket/prefix/');
const TARGET = new Argument('<target>', 's3://bucket/prefix/');

export function declareJobs(program: Command, does: Does): void {
  const job = (name: string, description: string): Command => program.command(name).description(description).helpGroup('Jobs:');

  const merge = withMergeOptions(job('merge', 'merge many small objects into few large ones, directory by directory'), true);
  does(merge, async (context, source = '', target = '') => (await import('../commands/merge.ts')).merge(context, source, target, merge.opts()));

  const plan = job('plan', 'freeze what a job will do and estimate it, without doing it').usage('merge <source> <target> [options]').helpCommand(false);
  const planMerge = withMergeOptions(plan.command('merge').description('plan a merge; `tributary apply` runs exactly this plan'), false);
  does(planMerge, async (context, source = '', target = '') => (await import('../commands/merge.ts')).merge(context, source, target, { ...planMerge.opts(), dryRun: true }));

  const apply = job('apply', 'run exactly the plan that `tributary plan` froze').argument('<run>', 'id of the run that made the plan');
  addRunOptions(apply, ['id', 'label', 'detach', 'again', 'yes']);
  addLimitOptions(apply);
  addFollowOptions(apply);
  does(apply, async (context, id = '') => (await import('../commands/apply.ts')).apply(context, id, apply.opts()));

  const retry = job('retry', 'merge what an ended run could not: its failed sources, as they are now, into chunks of their own').argument('<run>', 'id of the run');
  addRunOptions(retry, ['id', 'label', 'detach', 'yes']);
  addLimitOptions(retry);
  addFollowOptions(retry);
  does(retry, async (context, id = '') => (await import('../commands/retry.ts')).retry(context, id, retry.opts()));

  const verify = job('verify', 'compare what a run wrote with what is there; of SRC DST, with the sources of now too').usage('<run> | <source> <target> [options]')
    .argument('<run>', 'id of the run; or its source').argument('[target]', 'its target, where its source was given')
    .addOption(new Option('--verify <how>', 'what is compared').choices(['size', 'content']).default('size'));
  does(verify, async (context, first = '', target?: string) => (await import('../commands/verify.ts')).verify(context, first, target, verify.opts()));
}

function withMergeOptions(command: Command, canDryRun: boolean): Command {
  command.addArgument(SOURCE).addArgument(TARGET);
  addMergeOptions(command);
  addSelectionOptions(command);
  addRunOptions(command, ['id', 'label', 'detach', ...(canDryRun ? ['dryRun' as const] : []), 'again', 'onError', 'verify', 'stores', 'yes']);
  addLimitOptions(command);
  addWriteOptions(command);
  addFollowOptions(command);
  return command;
}
