/**
 * A server that runs in a process group of its own: Ctrl-C in the terminal does not reach it, and it lives on when this
 * process is killed, until somebody stops it by its pid.
 */
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { runProgram } from './run-program.ts';

export interface ManagedProcess {
  readonly pid: number;
  /** Resolves when it has ended, with how. */
  readonly exited: Promise<string>;
  /** The last lines it printed. */
  lastOutput(): string;
  /** @see stopProcess */
  stop(graceMs?: number): Promise<void>;
}

export interface StartOptions {
  readonly file: string;
  readonly args: readonly string[];
  /** Its output goes here. */
  readonly logFile: string;
  readonly env: Readonly<Record<string, string>>;
}

const TERM_GRACE_MS = 8_000;
const KILL_GRACE_MS = 2_000;

export function startProcess(options: StartOptions): ManagedProcess {
  const log = openSync(options.logFile, 'w');
  const child = spawn(options.file, options.args, { detached: true, stdio: ['ignore', log, log], env: options.env });
  closeSync(log);
  child.unref();
  const { promise: exited, resolve } = Promise.withResolvers<string>();
  child.once('error', (error) => { resolve(error.message); });
  child.once('exit', (code, signal) => { resolve(signal === null ? `exit code ${code ?? 'unknown'}` : `signal ${signal}`); });
  const pid = child.pid ?? -1;
  return {
    pid,
    exited,
    lastOutput: () => readFileSync(options.logFile, 'utf8').trimEnd().split('\n').slice(-5).join('\n').slice(-2_000),
    stop: (graceMs) => stopProcess(pid, graceMs),
  };
}

/** Whether a process with this id exists. */
export function isAlive(pid: number): boolean {
  if (pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Whether the process runs this program: pids are used again. */
export async function runsProgram(pid: number, file: string): Promise<boolean> {
  if (!isAlive(pid)) return false;
  const listed = await runProgram('ps', ['-ww', '-o', 'command=', '-p', String(pid)], { timeoutMs: 5_000 });
  // Without `ps` nothing can be said against it.
  return listed.code === null || listed.output.includes(file);
}

/**
 * Ends a process that `startProcess` started, also from another process than the one that did. Resolves when it is gone.
 * It has `graceMs` to end by itself; with 0 it is killed at once.
 */
export async function stopProcess(pid: number, graceMs = TERM_GRACE_MS): Promise<void> {
  if (!isAlive(pid)) return;
  if (graceMs > 0) signalGroup(pid, 'SIGTERM');
  const deadlineMs = Date.now() + graceMs;
  while (isAlive(pid) && Date.now() < deadlineMs) await sleep(25);
  if (!isAlive(pid)) return;
  signalGroup(pid, 'SIGKILL');
  // Bounded: where nobody reaps it, a process that is gone keeps its pid.
  const goneMs = Date.now() + KILL_GRACE_MS;
  while (isAlive(pid) && Date.now() < goneMs) await sleep(25);
}

/** Ends it at once, without waiting: for a process that is about to end itself. */
export function killProcess(pid: number): void {
  if (isAlive(pid)) signalGroup(pid, 'SIGKILL');
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    // It ended in between.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
