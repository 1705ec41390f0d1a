/**
 * Owns every process that a script starts, and those that they start in turn.
 *
 * Invariants: each child leads its own process group. What a child starts is ours by two signs: it was seen below it while it
 * lived, or it carries this script's mark in its environment; either holds wherever it moves. So whatever is left can be
 * found and ended, and nothing else is ever touched. After a signal everything is ended before the script itself ends.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { constants } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { commandOf, descendantsOf, readProcesses, withVariable, type ProcessEntry } from './process-table.ts';

/** Not TRIBUTARY_…: those set keys of the configuration, and an unknown one is an error. */
const MARK_NAME = 'TRB_SCRIPT_MARK';
const GRACE_MS = 8_000;
/** A process whose parent ends sooner, and whose environment was emptied, is not found. */
const LOOK_INTERVAL_MS = 500;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** The command is ended, and counts as failed, when it takes longer. */
  readonly timeoutMs?: number;
  /** Called with each line of both streams as it comes; without it the output is only collected. */
  readonly onLine?: (line: string) => void;
  /** Gives the command this terminal to write to; nothing is collected then. Never to read from: its group is in the background. */
  readonly inherit?: boolean;
}

export interface Ended {
  /** 128 + signal number where a signal ended it, as shells say it. */
  readonly code: number;
  /** Both streams as they came. */
  readonly output: string;
  readonly timedOut: boolean;
}

export interface Leftover {
  readonly pid: number;
  readonly command: string;
}

export class Processes {
  readonly #mark = randomUUID();
  readonly #children = new Set<ChildProcess>();
  /** Descendants that were seen once, by pid and start. */
  readonly #seen = new Set<string>();
  #watch: NodeJS.Timeout | undefined;
  #stopping: Promise<void> | undefined;

  /** Starts a process in its own group. Its end is seen through `child`; `stopAll` ends it at the latest. */
  start(command: string, args: readonly string[], options: RunOptions = {}): ChildProcess {
    if (this.#stopping !== undefined) throw new Error('interrupted');
    const child = spawn(command, args, {
      cwd: options.cwd,
      detached: true,
      stdio: options.inherit === true ? ['ignore', 'inherit', 'inherit'] : ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...options.env, [MARK_NAME]: this.#mark },
    });
    this.#children.add(child);
    this.#watch ??= setInterval(() => { void this.#look(); }, LOOK_INTERVAL_MS).unref();
    child.once('exit', () => this.#children.delete(child));
    child.once('error', () => this.#children.delete(child));
    return child;
  }

  /**
   * Runs a command to its end. Never rejects for a failing command; @throws where it cannot be started. Once everything is being
   * ended it does not come back at all, so that a caller does not take an interrupted command for a failed one.
   */
  async run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Ended> {
    if (this.#isStopping()) return never();
    const child = this.start(command, args, options);
    const output: string[] = [];
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', lines(output, options.onLine));
    }
    let timedOut = false;
    const timer = options.timeoutMs === undefined ? undefined : setTimeout(() => {
      timedOut = true;
      void this.#end([child]);
    }, options.timeoutMs);
    try {
      const code = await new Promise<number>((resolve, reject) => {
        child.once('error', reject);
        // `exit`, not `close`: a grandchild that keeps the pipes open must not hold us up.
        child.once('exit', (exitCode, signal) => resolve(exitCode ?? 128 + (signal === null ? 0 : constants.signals[signal])));
      });
      await drained(child);
      if (this.#isStopping()) return await never();
      return { code, output: output.join(''), timedOut };
    } finally {
      clearTimeout(timer);
    }
  }

  /** On a signal everything is ended, then this process with the code that shells expect. */
  endOnSignals(cleanUp: () => Promise<void> = async () => undefined): void {
    for (const signal of SIGNALS) {
      process.on(signal, () => {
        if (this.#stopping !== undefined) return;
        process.stderr.write(`\n${signal}: ending what was started\n`);
        void this.stopAll().then(cleanUp).finally(() => process.exit(128 + constants.signals[signal]));
      });
    }
  }

  /** Ends all children and whatever they left behind. The object cannot start anything afterwards. */
  stopAll(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  #isStopping(): boolean {
    return this.#stopping !== undefined;
  }

  async #stop(): Promise<void> {
    await this.#look();
    await this.#end([...this.#children]);
    await this.endLeftovers();
    clearInterval(this.#watch);
  }

  /** What is ours and runs, but is no child that still runs under our eyes, nor anything below one. */
  async leftovers(): Promise<Leftover[]> {
    const entries = await this.#look();
    const marked = new Set(await withVariable(`${MARK_NAME}=${this.#mark}`));
    const kept = new Set([process.pid, ...[...this.#children].flatMap(({ pid = 0 }) => [pid, ...descendantsOf(pid, entries).map((entry) => entry.pid)])]);
    const ours = entries.filter((entry) => !kept.has(entry.pid) && (marked.has(entry.pid) || this.#seen.has(nameOf(entry))));
    return Promise.all(ours.map(async ({ pid }) => ({ pid, command: await commandOf(pid) })));
  }

  async #look(): Promise<ProcessEntry[]> {
    const entries = await readProcesses();
    for (const { pid } of this.#children) {
      // One that could not be started has none.
      if (pid === undefined) continue;
      for (const entry of descendantsOf(pid, entries)) this.#seen.add(nameOf(entry));
    }
    return entries;
  }

  /** @returns what was there to end */
  async endLeftovers(): Promise<Leftover[]> {
    const found = await this.leftovers();
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      const deadlineMs = Date.now() + GRACE_MS;
      let left = await this.leftovers();
      for (const { pid } of left) kill(pid, signal);
      while (left.length > 0 && Date.now() < deadlineMs) {
        await sleep(100);
        left = await this.leftovers();
      }
    }
    return found;
  }

  async #end(children: readonly ChildProcess[]): Promise<void> {
    const ended = Promise.all(children.map((child) => new Promise((resolve) => child.once('exit', resolve))));
    for (const child of children) killGroup(child, 'SIGTERM');
    await Promise.race([ended, sleep(GRACE_MS, undefined, { ref: false })]);
    for (const child of children) killGroup(child, 'SIGKILL');
    if (children.length > 0) await Promise.race([ended, sleep(GRACE_MS, undefined, { ref: false })]);
  }
}

const nameOf = ({ pid, started }: ProcessEntry): string => `${pid}@${started}`;

const never = (): Promise<never> => new Promise(() => undefined);

/** Collects text and hands it on by whole lines. */
function lines(collected: string[], onLine: ((line: string) => void) | undefined): (text: string) => void {
  let rest = '';
  return (text) => {
    collected.push(text);
    if (onLine === undefined) return;
    const parts = (rest + text).split('\n');
    rest = parts.pop() ?? '';
    for (const part of parts) onLine(part);
  };
}

/** Waits for the rest of the output, but not for a grandchild that holds the pipes. */
async function drained(child: ChildProcess): Promise<void> {
  const ends = [child.stdout, child.stderr].filter((stream) => stream !== null && !stream.readableEnded)
    .map((stream) => new Promise((resolve) => stream?.once('end', resolve).once('close', resolve)));
  await Promise.race([Promise.all(ends), sleep(500)]);
}

function killGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid !== undefined) kill(-child.pid, signal);
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (!isErrno(error, 'ESRCH', 'EPERM')) throw error;
  }
}

function isErrno(error: unknown, ...codes: string[]): boolean {
  // Not `instanceof Error`: under Jest, Node's errors come from another realm.
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' && codes.includes(error.code);
}
