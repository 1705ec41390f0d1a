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
  /** Of batches that have ended; a running batch's own counts are in its `progress` and in its activity's heartbeat. */
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
  /** Of `mergePrefix`: what is counted in `tally` and belongs to no running call. Its running calls heartbeat all that they and those before them did. */
  readonly ended?: Tally;
  readonly state: 'running' | 'pausing' | 'paused' | 'cancelling' | 'ended';
  readonly batches: { readonly total: number; readonly done: number; readonly running: number };
}
