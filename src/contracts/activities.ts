/**
 * What workflows ask of activities: the one place where both sides meet. Types only. Inputs and results are history: each is
 * bounded, and holds counts, hashes and positions, never key lists.
 */
import type { MergeCursor } from './cursor.ts';
import type { Limits } from './limits.ts';
import type { Encryption, MergeSpec } from './merge.ts';
import type { PlanTotals } from './plan.ts';
import type { PlanReport, Report, VerifyReport } from './report.ts';
import type { Requests, Tally } from './tally.ts';

/** Who asks: the root workflow. */
export interface RunIdentity {
  readonly id: string;
  readonly stamp: string;
  readonly startedMs: number;
}

/** What every later call needs to find the run's artefacts. Hashes pin them. */
export interface RunRef extends RunIdentity {
  /** Store, bucket and prefix of the control folder of this run: `…/_tributary/runs/<stamp>/`; and how all that the run writes is encrypted, where its spec says so. */
  readonly control: { readonly store: string; readonly bucket: string; readonly prefix: string; readonly encryption?: Encryption };
  readonly specHash: string;
  /** Control folder that holds the plan: this run's own, or that of the planning run for `apply`. */
  readonly planStamp: string;
  /** Stamp of the run whose failures this one retries. */
  readonly retryStamp?: string;
  /** Whether the target honours `If-None-Match: *`; false until `checkAccess` has tried it. */
  readonly createOnce: boolean;
}

export interface ResolvedRun {
  readonly run: RunRef;
  readonly spec: MergeSpec;
  /** For people: `s3://…`, without store names. */
  readonly source: string;
  readonly target: string;
  readonly label: string | null;
  /** Hash of the canonical target: the lease is named by it. */
  readonly targetHash: string;
  readonly limits: Limits;
  readonly onError: 'continue' | 'stop';
  readonly verify: 'none' | 'size' | 'content';
  readonly dryRun: boolean;
  /** Hash of the sealed plan to apply, or null where the run plans for itself. */
  readonly planHash: string | null;
  /** Whether the server knows our search attributes. */
  readonly searchAttributes: boolean;
  /** How long a silent call is waited for, as the worker that resolved the spec is configured. */
  readonly heartbeatTimeoutMs: number;
}

export interface PlanPageInput { readonly run: RunRef; /** The last segment written, or null at the start. */ readonly segment: string | null; /** The run's. */ readonly limits: Limits }
/** The last segment written; and the plan, once the listing has ended. */
export interface PlanPageResult { readonly segment: string; readonly totals: PlanTotals; readonly plan: SealedPlanRef | null }

export interface SealedPlanRef {
  readonly planHash: string;
  readonly totals: PlanTotals;
  /** Batches of each work page. */
  readonly workPages: readonly number[];
  /** Of the only page, where there is one: so that a small run need not ask for them. Runs that were planned before there was this ask. */
  readonly summaries?: BatchSummaries;
}

export interface DescribeBatchesInput { readonly run: RunRef; readonly planHash: string; readonly page: number }
/** The batches of a page, in order. */
export type BatchSummaries = readonly BatchSummary[];
export interface BatchSummary {
  /** For the UI: a line of at most 80 characters. */
  readonly text: string;
  readonly groups: number;
}

export interface MergeChunksInput {
  readonly run: RunRef;
  readonly planHash: string;
  readonly page: number;
  readonly batch: number;
  /** Where to go on; null at the start. */
  readonly cursor: MergeCursor | null;
  /** The run's. */
  readonly limits: Limits;
  readonly onError: 'continue' | 'stop';
  /** Whether an earlier call died or shared, so that it may have left uploads which the cursor does not name. */
  readonly recovering: boolean;
  /** Groups of the batch from this one on are somebody else's; null where the batch ends it. */
  readonly untilGroup: number | null;
  /** Whether the call may return early to let the groups behind a slow one go on without it. */
  readonly maySplit: boolean;
}
export interface MergeChunksResult {
  readonly cursor: MergeCursor;
  /** A group that holds up those behind it: they are to be merged beside it. */
  readonly stalledAtGroup: number | null;
  /** The last group of the first half of what the call has left, by objects and bytes; null where that is one group or none. Workers of before there was this do not say. */
  readonly halfwayGroup?: number | null;
}

export interface VerifyPageInput {
  readonly run: RunRef;
  readonly mode: 'size' | 'content';
  /** The run's. */
  readonly limits: Limits;
  /** Chunks, from the first on, that calls before have read and found whole: they are not read again. Runs of before there was this do not say. */
  readonly alreadyRead?: number;
}
/** `requests`: those of the call, over all its attempts. */
export interface VerifyPageResult { readonly differences: number; readonly requests: Requests }
/** What a call heartbeats, and tells when it is interrupted. `read`: chunks, from the first on, that are read and whole. */
export interface VerifyPageProgress { readonly read: number; readonly requests: Requests }

export interface WriteReportInput {
  readonly run: RunRef;
  readonly source: string;
  readonly target: string;
  readonly label: string | null;
  readonly planHash: string | null;
  readonly status: 'completed' | 'failed' | 'cancelled';
  readonly planned: PlanTotals | null;
  readonly tally: Tally;
  readonly verify: { readonly mode: 'none' | 'size' | 'content'; readonly differences: number };
  /** What ended a run that failed. */
  readonly failure: { readonly code: string; readonly facts: Readonly<Record<string, unknown>> } | null;
}

export interface VerifyRunInput {
  readonly run: string;
  readonly mode: 'size' | 'content';
  /** Whether the sources of now are compared with what the run and its retries merged, too. */
  readonly sources?: boolean;
}

/** Control activities: queue `tributary`. */
export interface ControlActivities {
  /** Parses the input and fills in defaults. Asks no store. @throws TRB-INVALID-INPUT */
  resolveSpec(input: { readonly identity: RunIdentity; readonly raw: unknown }): Promise<ResolvedRun>;
  /** Id of the run that holds the lease on a target, or null where none does any more: a lease whose run has ended is removed. */
  findLeaseHolder(input: { readonly leaseId: string }): Promise<string | null>;
  /** Ends the children of earlier executions of the run that this one does not know, after a reset. @returns when none of them writes any more */
  endOrphans(): Promise<void>;
  /**
   * Tries what the run needs on both sides, refuses where the target holds merged output of the source already, and writes spec.json.
   * @returns the run with what it found out
   */
  checkAccess(input: { readonly run: RunRef; readonly spec: MergeSpec }): Promise<RunRef>;
  /** Walks the listing for some minutes, and seals the plan where it comes to the end. */
  planPage(input: PlanPageInput): Promise<PlanPageResult>;
  /** Checks a plan made by another run against its hash. @throws TRB-PLAN-LOST */
  openPlan(input: { readonly run: RunRef; readonly planHash: string }): Promise<SealedPlanRef>;
  describeBatches(input: DescribeBatchesInput): Promise<BatchSummaries>;
  verifyPage(input: VerifyPageInput): Promise<VerifyPageResult>;
  /** Writes report.json, and aborts whatever uploads of this run are still open: nobody resumes them any more. */
  writeReport(input: WriteReportInput): Promise<Report>;
  writePlanReport(input: { readonly run: RunRef; readonly source: string; readonly target: string; readonly label: string | null; readonly plan: SealedPlanRef }): Promise<PlanReport>;
  verifyAll(input: VerifyRunInput): Promise<VerifyReport>;
}

/** Data activities: queue `tributary-data`. */
export interface DataActivities {
  mergeChunks(input: MergeChunksInput): Promise<MergeChunksResult>;
}
