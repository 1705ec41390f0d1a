/** The command line: arguments in, exit code out. `main` never throws. */
import { readFileSync } from 'node:fs';
import { CommanderError } from 'commander';
import { readEnvironment, type Environment } from '../config/environment.ts';
import { EXIT } from '../contracts/errors.ts';
import { createContext, type CommonFlags } from './context.ts';
import { Interruption } from './interruption.ts';
import { Output, type Sink } from './output.ts';
import { createProgram } from './program/program.ts';

const LINGER_MS = 1_000;

export interface Streams {
  readonly stdout: Sink;
  readonly stderr: Sink;
}

/** Runs one command. @param argv what follows the program's name @returns the exit code */
export default async function main(argv: readonly string[]): Promise<number> {
  const interruption = new Interruption();
  for (const name of ['stdout', 'stderr'] as const) process[name].once('error', (error: NodeJS.ErrnoException) => { onBroken(name, error, interruption); });
  const ended = await runCommand(argv, { stdout: process.stdout, stderr: process.stderr }, readEnvironment(), interruption);
  const exitCode = unwritten ? EXIT.other : ended;
  // Where something still keeps the process, as the retries of a connection that was lost, it ends all the same.
  setTimeout(() => process.exit(exitCode), LINGER_MS).unref();
  return exitCode;
}

/** Whether something could not be written, to somebody who wants it. */
let unwritten = false;

/** A command that has something to stop stops it, and ends as at Ctrl-C; another one ends here. */
function onBroken(name: 'stdout' | 'stderr', error: NodeJS.ErrnoException, interruption: Interruption): void {
  // After its first error a stream has others for each further line: they say nothing new.
  process[name].on('error', () => undefined);
  const hasLeft = error.code === 'EPIPE';
  if (!hasLeft) {
    unwritten = true;
    process.exitCode = EXIT.other;
    if (name === 'stdout') process.stderr.write(`error: stdout cannot be written: ${error.message}\n`);
  }
  interruption.interrupt();
  if (interruption.isAwaited) return;
  if (!hasLeft) process.exit(EXIT.other);
  // A reader of the answer that has seen enough (`| head`) is no error; of messages, nobody misses the rest.
  if (name === 'stdout') process.exit(EXIT.ok);
}

/** The same over any streams and any environment. */
export async function runCommand(argv: readonly string[], streams: Streams, environment: Environment, interruption = new Interruption()): Promise<number> {
  const version = readVersion();
  let exitCode: number = EXIT.ok;
  const program = createProgram(version, async (flags: CommonFlags, command) => {
    const verbosity = flags.quiet === true ? -1 : flags.verbose === true ? 1 : 0;
    const output = new Output({ format: flags.output ?? 'text', color: flags.color ?? 'auto', verbosity }, streams, environment.terminal);
    try {
      exitCode = await command(createContext(flags, output, environment, version, interruption));
    } catch (error) {
      const [{ toTributaryError }, { printError }] = await Promise.all([import('./failure.ts'), import('./print-error.ts')]);
      exitCode = printError(toTributaryError(error, { state: environment.paths.state }), output);
    }
  });
  // Not commander's own: it would stand in every list of commands.
  if (argv[0] === 'help') return runCommand([...argv.slice(1), '--help'], streams, environment, interruption);
  // Asked by the script of `tributary completion` for each word: no command of its own, since its words are not for us to judge.
  if (argv[0] === 'complete') return (await import('./commands/completion.ts')).complete(program, argv.slice(1));
  const write = (sink: Sink) => (text: string): void => { sink.write(text); };
  for (const command of [program, ...program.commands, ...program.commands.flatMap((one) => one.commands)]) {
    command.exitOverride().configureOutput({ writeOut: write(streams.stdout), writeErr: write(streams.stderr) });
  }
  try {
    await program.parseAsync(argv, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  }
  return exitCode;
}

function readVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
