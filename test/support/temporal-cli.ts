/** Runs of ours by the plain `temporal` command line. */
import type { Progress } from '../../src/contracts/progress.ts';
import { reportSchema, type Report } from '../../src/contracts/report.ts';
import type { Rig } from './rig.ts';
import { until } from './until.ts';

export interface TemporalCli {
  /** `temporal …`. @returns what it printed @throws with what it said, where it ends with another code than 0 */
  run(...args: readonly string[]): Promise<string>;
  /** `temporal workflow start` of a `mergeRun`, or another command that takes the same flags. */
  start(id: string, input: object, command?: readonly string[]): Promise<void>;
  signal(id: string, name: string): Promise<void>;
  progress(id: string): Promise<Progress>;
  /** Waits for the run's end. */
  result(id: string): Promise<Report>;
  inState(id: string, state: Progress['state']): Promise<Progress>;
}

/** @param env instead of the rig's, to reach another server */
export function temporalCli(rig: Rig, env: Readonly<Record<string, string>> = {}): TemporalCli {
  const run: TemporalCli['run'] = async (...args) => {
    const { code, stdout, stderr } = await rig.temporalCli(args, { env });
    if (code !== 0) throw new Error(`temporal ${args.join(' ')} ended with ${code}: ${stderr}${stdout}`);
    return stdout;
  };
  const progress: TemporalCli['progress'] = async (id) => {
    const { queryResult } = JSON.parse(await run('workflow', 'query', '--workflow-id', id, '--type', 'progress', '-o', 'json')) as { queryResult: Progress[] };
    return queryResult[0]!;
  };
  return {
    run, progress,
    start: async (id, input, command = ['start']) => {
      await run('workflow', ...command, '--type', 'mergeRun', '--task-queue', 'tributary', '--workflow-id', id, '--input', JSON.stringify(input));
    },
    signal: async (id, name) => { await run('workflow', 'signal', '--workflow-id', id, '--name', name); },
    result: async (id) => {
      const printed = JSON.parse(await run('workflow', 'result', '--workflow-id', id, '-o', 'json')) as { result: unknown };
      // The Go program prints an empty list as null.
      const report = printed.result as Report | { readonly errors: null };
      return reportSchema.parse({ ...report, errors: report.errors ?? [] });
    },
    inState: (id, state) => until(() => progress(id), (now) => now.state === state),
  };
}
