/**
 * Programs that a test starts, and that never outlive it. Each leads its own process group: what it starts goes with it, and a Ctrl-C of
 * the terminal does not reach it.
 */
import { spawn, type ChildProcess } from 'node:child_process';

export interface Ended {
  /** Exit code; 128 + the signal's number where a signal ended it, as shells say it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly durationMs: number;
}

export interface Program {
  readonly pid: number;
  readonly stdout: () => string;
  readonly stderr: () => string;
  readonly ended: Promise<Ended>;
  /** Resolves to the match as soon as the output holds it. @throws with all output where the program ends first */
  printed(pattern: RegExp): Promise<RegExpExecArray>;
  kill(signal: NodeJS.Signals): void;
  /** SIGTERM, and SIGKILL after `graceMs`. Resolves when it has ended. */
  stop(graceMs?: number): Promise<Ended>;
}

export interface ProgramOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

const SIGNAL_NUMBERS: Partial<Record<NodeJS.Signals, number>> = { SIGHUP: 1, SIGINT: 2, SIGABRT: 6, SIGKILL: 9, SIGSEGV: 11, SIGTERM: 15 };

export class Programs {
  readonly #running = new Set<Program>();

  start(file: string, args: readonly string[], options: ProgramOptions = {}): Program {
    const startedMs = Date.now();
    const child = spawn(file, args, { cwd: options.cwd, env: options.env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    const output = { stdout: '', stderr: '' };
    const watchers = new Set<() => void>();
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (text: string) => {
        output[name] += text;
        for (const look of watchers) look();
      });
    }
    const ended = new Promise<Ended>((resolve) => {
      const end = (code: number): void => {
        this.#running.delete(program);
        resolve({ code, ...output, durationMs: Date.now() - startedMs });
      };
      child.once('error', (error) => {
        output.stderr += error.message;
        end(127);
      });
      child.once('close', (code, signal) => { end(code ?? 128 + (SIGNAL_NUMBERS[signal ?? 'SIGKILL'] ?? 0)); });
    });
    const program: Program = {
      pid: child.pid ?? -1,
      stdout: () => output.stdout,
      stderr: () => output.stderr,
      ended,
      printed: (pattern) => new Promise((resolve, reject) => {
        const look = (): void => {
          const match = pattern.exec(output.stdout) ?? pattern.exec(output.stderr);
          if (match) {
            watchers.delete(look);
            resolve(match);
          }
        };
        watchers.add(look);
        void ended.then(({ code }) => {
          look();
          reject(new Error(`${file} ended with ${code} before it printed ${String(pattern)}:\n${output.stdout}${output.stderr}`));
        });
        look();
      }),
      kill: (signal) => { signalGroup(child, signal); },
      stop: async (graceMs = 8_000) => {
        signalGroup(child, 'SIGTERM');
        const timer = setTimeout(() => { signalGroup(child, 'SIGKILL'); }, graceMs);
        return ended.finally(() => { clearTimeout(timer); });
      },
    };
    this.#running.add(program);
    return program;
  }

  /** Runs a program to its end; one that takes longer than `timeoutMs` is killed, and its code says so. */
  async run(file: string, args: readonly string[], { timeoutMs = 60_000, ...options }: ProgramOptions & { readonly timeoutMs?: number } = {}): Promise<Ended> {
    const program = this.start(file, args, options);
    const timer = setTimeout(() => { program.kill('SIGKILL'); }, timeoutMs);
    return program.ended.finally(() => { clearTimeout(timer); });
  }

  async stopAll(): Promise<void> {
    await Promise.all([...this.#running].map((program) => program.stop()));
  }
}

function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch (error) {
    // It ended in between. Not `instanceof Error`: under Jest, Node's errors come from another realm.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
