/**
 * Owns every process that a script starts.
 *
 * Invariants: each child leads its own process group and carries this script's mark in its environment, which its own children
 * inherit wherever they move; so whatever is left can be found and ended, and nothing else is ever touched. After a signal
 * everything is ended before the script itself ends.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { constants } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

/** Not TRIBUTARY_…: those set keys of the configuration, and an unknown one is an error. */
const MARK_NAME = 'TRB_SCRIPT_MARK';
const GRACE_MS = 8_000;
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
    await this.#end([...this.#children]);
    await this.endLeftovers();
  }

  /** Processes that carry our mark and are no child that still runs under our eyes. Zombies do not count. */
  async leftovers(): Promise<Leftover[]> {
    const own = new Set([...this.#children].map((child) => child.pid));
    const marked = process.platform === 'linux' ? await this.#markedByProc() : await this.#markedByPs();
    return marked.filter(({ pid }) => pid !== process.pid && !own.has(pid));
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

  async #markedByProc(): Promise<Leftover[]> {
    const found: Leftover[] = [];
    for (const name of await readdir('/proc')) {
      if (!/^\d+$/.test(name)) continue;
      try {
        const environment = await readFile(`/proc/${name}/environ`, 'latin1');
        if (!environment.includes(`${MARK_NAME}=${this.#mark}`)) continue;
        found.push({ pid: Number(name), command: (await readFile(`/proc/${name}/cmdline`, 'utf8')).replaceAll('\0', ' ').trim() });
      } catch (error) {
        // Gone in between, or another user's.
        if (!isErrno(error, 'ENOENT', 'ESRCH', 'EACCES', 'EPERM')) throw error;
      }
    }
    return found;
  }

  async #markedByPs(): Promise<Leftover[]> {
    const listing = await new Promise<string>((resolve, reject) => {
      const ps = spawn('ps', ['-axww', '-E', '-o', 'pid=,command='], { stdio: ['ignore', 'pipe', 'inherit'] });
      let text = '';
      ps.stdout.setEncoding('utf8').on('data', (chunk: string) => { text += chunk; });
      ps.once('error', reject).once('close', () => resolve(text));
    });
    return listing.split('\n').filter((line) => line.includes(`${MARK_NAME}=${this.#mark}`))
      .map((line) => ({ pid: Number.parseInt(line, 10), command: line.trim().split(/\s+/).slice(1, 4).join(' ') }));
  }
}

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
