/**
 * The tree of commands, with nothing behind it yet: what a command does is loaded when it is called, so that each starts as
 * fast as it can. Help, completions and the reference are made from this tree.
 */
import { Command } from 'commander';
import { TributaryError } from '../../contracts/errors.ts';
import type { CommonFlags, Context } from '../context.ts';
import { declareAround } from './around.ts';
import { addCommonOptions } from './flags.ts';
import { declareJobs } from './jobs.ts';
import { declareRuns } from './runs.ts';

/** Runs a command with its context, and keeps its exit code. */
export type Runner = (flags: CommonFlags, command: (context: Context) => Promise<number>) => Promise<void>;

/** Says what a command does with its arguments; the answer is the exit code. */
export type Does = (command: Command, what: (context: Context, ...args: string[]) => Promise<number>) => void;

/** Commands of the design that are not built yet: refused by name, whatever follows it. */
const NOT_YET = ['migrate', 'load', 'ingest', 'where'] as const;

const FOOTER = `
A first run:
  tributary dev                                  Temporal, S3 and a worker, in one shell; then in another:
  tributary generate s3://logs/                  a bucket of logs
  tributary merge s3://logs/ s3://merged/        each of its directories merged into chunks of 25500 lines

Exit codes: 0 done · 1 other · 2 usage or configuration · 3 not found · 5 temporary · 6 denied · 8 target busy or a foreign object in
the way · 10 differences · 11 some sources failed · 12 cancelled · 130 detached, or paused by Ctrl-C`;

export function createProgram(version: string, run: Runner): Command {
  const program = new Command('tributary')
    .description('Moves and merges S3 data as durable runs: whatever dies, a run goes on from where it was.')
    .usage('<command> [options]')
    .version(version, '-V, --version', 'print the version')
    .configureHelp({ showGlobalOptions: true })
    .helpCommand(false)
    .addHelpText('after', FOOTER);
  addCommonOptions(program);

  const does: Does = (command, what) => {
    command.action(() => run(command.optsWithGlobals(), (context) => what(context, ...command.args)));
  };
  declareJobs(program, does);
  declareRuns(program, does);
  declareAround(program, does, version);
  for (const name of NOT_YET) {
    does(program.command(name, { hidden: true }).helpOption(false).allowUnknownOption().allowExcessArguments(), () =>
      Promise.reject(new TributaryError('TRB-NOT-SUPPORTED', `\`tributary ${name}\` is not supported yet`)));
  }
  return program;
}
