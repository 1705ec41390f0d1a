import { Argument, InvalidArgumentError, Option, type Command } from 'commander';
import { sse } from './flags.ts';
import type { Does } from './program.ts';

export function declareAround(program: Command, does: Does, version: string): void {
  const around = (name: string, description: string): Command => program.command(name).description(description).helpGroup('Around runs:');

  const worker = around('worker', 'serve runs, until Ctrl-C or SIGTERM').option('--queues <names>', 'control, data, or both (default: control,data)');
  does(worker, async (context) => (await import('../commands/worker.ts')).worker(context));

  const dev = around('dev', 'Temporal, an S3 server and a worker on this machine, until Ctrl-C')
    .option('--data <directory>', 'where buckets and runs are kept (default: in the state directory)')
    .addOption(new Option('--ephemeral', 'keep nothing').conflicts('data'))
    .option('--port <n>', 'port of Temporal (default: 7233, or a free one)', port)
    .option('--ui-port <n>', 'port of its Web UI (default: 8233, or a free one)', port)
    .option('--s3-port <n>', 'port of S3 (default: 7070, or a free one)', port)
    .addOption(new Option('--bucket <name>', 'create this bucket; can be repeated (default: logs and merged)').argParser((name: string, before: string[] | undefined) => [...before ?? [], name]));
  does(dev, async (context) => (await import('../commands/dev.ts')).dev(context, dev.opts()));

  const generate = around('generate', 'fill a prefix with made-up logs, the same ones for the same seed').argument('<target>', 's3://bucket/prefix/; the bucket is created where it is missing')
    .option('--objects <n>', 'how many objects', whole, 1000).option('--lines <n>', 'lines of an object on average', whole, 200)
    .option('--seed <n>', 'what they are made up from', whole, 1).option('--store <name>', 'store of the target', 'default');
  does(generate, async (context, target = '') => (await import('../commands/generate.ts')).generate(context, target, generate.opts()));

  const sweep = around('sweep', 'remove what ended runs left under a target: open uploads, and control data that is only needed to go on or to verify')
    .argument('<target>', 's3://bucket/prefix/')
    .option('--older-than <duration>', 'only what was begun or written longer ago than this (default: control data of 7d, uploads of any age)')
    .option('-n, --dry-run', 'only show it').option('--yes', 'do not ask; where there is no terminal to ask on, nothing is removed without it')
    .option('--target-store <name>', 'store of the target', 'default');
  does(sweep, async (context, target = '') => (await import('../commands/sweep.ts')).sweep(context, target, sweep.opts()));

  const doctor = around('doctor', 'try what a run needs, and say how to mend what is missing')
    .argument('[source]', 's3://bucket/prefix/ to read').argument('[target]', 's3://bucket/prefix/ to write')
    .option('--source-store <name>', 'store of the source', 'default').option('--target-store <name>', 'store of the target', 'default')
    .addOption(sse());
  does(doctor, async (context, source?: string, target?: string) => (await import('../commands/doctor.ts')).doctor(context, source, target, doctor.opts()));

  does(around('setup', 'create the search attributes of runs on a Temporal server'), async (context) => (await import('../commands/setup.ts')).setup(context));
  does(around('config', 'each value of the configuration, and where it came from'), async (context) => (await import('../commands/config.ts')).config(context));
  does(around('explain', 'every field of a job\'s input').addArgument(new Argument('<job>', 'the job').choices(['merge'])), async (context) =>
    (await import('../commands/explain.ts')).explain(context));
  does(around('completion', 'a script that completes commands and options').addArgument(new Argument('<shell>', 'your shell').choices(['bash', 'zsh', 'fish'])), async (context, shell = '') =>
    (await import('../commands/completion.ts')).completionScript(context, program, shell));
  does(around('version', 'print the version'), async ({ output }) => {
    output.answer({ version }, () => version);
    return 0;
  });
}

function port(text: string): number {
  if (!/^\d+$/.test(text) || Number(text) > 65_535) throw new InvalidArgumentError('It must be a port, 0 to 65535.');
  return Number(text);
}

function whole(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
}
