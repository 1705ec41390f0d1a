/** The answer of the `progress` query. Plain types: workflow code imports this file. */
import type { Limits } from './limits.ts';
import type { PlanReport, Report } from './report.ts';
import type { Tally } from './tally.ts';

export type Phase = 'START' | 'PLAN' | 'WRITE' | 'VERIFY' | 'REPORT' | 'DONE';

export interface Progress {
  readonly schema: 'tributary.progress/1';
  readonly run: { readonly id: string; readonly stamp: string; readonly job: 'merge'; readonly label: string | null };
  readonly source: string;
  readonly target: string;
  readonly phase: Phase;
  /** `pausing` while running calls, also those of batches, still stop. */
  readonly state: 'running' | 'pausing' | 'paused' | 'cancelling' | 'ended';
  readonly startedMs: number;
  /** Grows while PLAN goes on; `sources` of them will be read. */
  readonly planned: { readonly objects: number; readonly bytes: number; readonly groups: number; readonly sources: number; readonly sourceBytes: number };
  /** Of children that have ended, as `batches`: the counts of running ones are in their `progress` and in the heartbeats of their calls. */
  readonly tally: Tally;
  readonly batches: { readonly total: number; readonly done: number; readonly running: number };
  readonly limits: Limits;
  readonly control: string | null;
  /** The result, once the run has ended. */
  readonly result: Report | PlanReport | null;
}

/** What `mergePage` and `mergePrefix` answer. */
export interface BranchProgress {
  readonly tally: Tally;
  /** Of `mergePrefix`: of each chain of its calls, what those that returned did. The id of a call, `chain.call`, says which chain goes on with it. */
  readonly chains?: readonly Tally[];
  readonly state: 'running' | 'pausing' | 'paused' | 'cancelling' | 'ended';
  readonly batches: { readonly total: number; readonly done: number; readonly running: number };
  /** Of `mergePrefix`: whether a running call could share what it has left, were a worker free for it. */
  readonly canShare?: boolean;
}
