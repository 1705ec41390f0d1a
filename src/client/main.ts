/** The command line: arguments in, exit code out. `main` never throws. */
import { readFileSync } from 'node:fs';
import { CommanderError } from 'commander';
import { readEnvironment, type Environment } from '../config/environment.ts';
import { EXIT } from '../contracts/errors.ts';
import { createContext, type CommonFlags } from './context.ts';
import { Output, type Sink } from './output.ts';
import { createProgram } from './program/program.ts';

const LINGER_MS = 1_000;

export interface Streams {
  readonly stdout: Sink;
  readonly stderr: Sink;
}

/** Runs one command. @param argv what follows the program's name @returns the exit code */
export default async function main(argv: readonly string[]): Promise<number> {
  // A reader that has seen enough (`| head`) is no error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(EXIT.ok);
  });
  const exitCode = await runCommand(argv, { stdout: process.stdout, stderr: process.stderr }, readEnvironment());
  // Where something still keeps the process, as the retries of a connection that was lost, it ends all the same.
  setTimeout(() => process.exit(exitCode), LINGER_MS).unref();
  return exitCode;
}

/** The same over any streams and any environment. */
export async function runCommand(argv: readonly string[], streams: Streams, environment: Environment): Promise<number> {
  const version = readVersion();
  let exitCode: number = EXIT.ok;
  const program = createProgram(version, async (flags: CommonFlags, command) => {
    const verbosity = flags.quiet === true ? -1 : flags.verbose === true ? 1 : 0;
    const output = new Output({ format: flags.output ?? 'text', color: flags.color ?? 'auto', verbosity }, streams, environment.terminal);
    try {
      exitCode = await command(createContext(flags, output, environment, version));
    } catch (error) {
      const [{ toTributaryError }, { printError }] = await Promise.all([import('./failure.ts'), import('./print-error.ts')]);
      exitCode = printError(toTributaryError(error), output);
    }
  });
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
