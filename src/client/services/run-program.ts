import { spawn } from 'node:child_process';

export interface Finished {
  /** Exit code, or null where a signal ended it. */
  readonly code: number | null;
  /** Standard output and error together, the last 64 KiB. */
  readonly output: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** It is killed after this long. */
  readonly timeoutMs?: number;
}

const MAX_OUTPUT_CHARACTERS = 65_536;

/** Runs a program to its end. Never rejects: a program that cannot be started ends with code null and says why in its output. */
export async function runProgram(file: string, args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  const { promise, resolve } = Promise.withResolvers<Finished>();
  let output = '';
  const child = spawn(file, args, { cwd: options.cwd, env: options.env, stdio: ['ignore', 'pipe', 'pipe'] });
  // Not spawn's own `timeout`: its timer stays when the program cannot be started.
  const timer = options.timeoutMs === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), options.timeoutMs);
  const collect = (chunk: Buffer): void => {
    output = (output + chunk.toString('utf8')).slice(-MAX_OUTPUT_CHARACTERS);
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  child.once('error', (error) => { resolve({ code: null, output: `${output}${error.message}` }); });
  child.once('close', (code) => { resolve({ code, output }); });
  return promise.finally(() => { clearTimeout(timer); });
}
