/** Runs named steps one after another: a line each with its time, and the output only of what failed. */
import type { Ended, Processes, RunOptions } from './processes.ts';

export interface Step extends RunOptions {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
}

export interface Verdict {
  readonly failed: boolean;
  /** Goes at the end of the step's line. */
  readonly note: string;
}

const NAME_WIDTH = 10;

const byExitCode = (ended: Ended): Verdict => ({ failed: ended.code !== 0, note: '' });

/** Prints the step's line and, where it failed, its output. @returns whether it passed */
export async function runStep(processes: Processes, step: Step, judge: (ended: Ended) => Verdict | Promise<Verdict> = byExitCode): Promise<boolean> {
  const startedMs = Date.now();
  if (process.stdout.isTTY) process.stdout.write(`  …    ${step.name}\r`);
  const ended = await processes.run(step.command, step.args, step);
  const verdict = await judge(ended);
  const seconds = ((Date.now() - startedMs) / 1000).toFixed(1);
  const note = ended.timedOut ? `ended after ${(step.timeoutMs ?? 0) / 1000} s, its limit  ${verdict.note}` : verdict.note;
  process.stdout.write(`${`  ${verdict.failed ? 'FAIL' : 'ok  '} ${step.name.padEnd(NAME_WIDTH)} ${seconds.padStart(7)} s   ${note}`.trimEnd()}\n`);
  if (verdict.failed) process.stdout.write(indented(ended.output));
  return !verdict.failed;
}

/** So that a tool's output stands apart from ours. */
function indented(text: string): string {
  const body = text.trimEnd();
  return body === '' ? '' : `${body.split('\n').map((line) => `       │ ${line}`).join('\n')}\n`;
}
