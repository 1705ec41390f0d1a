/** What a merge of one batch is given, and what it gives back. */
import type { MergeCursor } from '../contracts/cursor.ts';
import type { Limits } from '../contracts/limits.ts';
import type { MergeSpec } from '../contracts/merge.ts';
import type { PlannedBatch } from '../contracts/plan.ts';
import { addRequests, type Requests } from '../contracts/tally.ts';
import type { Clock } from '../stores/clock.ts';
import type { StoreSession } from '../stores/registry.ts';
import type { PlanReader } from './plan-reader.ts';
import type { RunRecords } from './run-records.ts';
import type { Slab } from './slab.ts';

export interface MergeBatchOptions {
  readonly spec: MergeSpec;
  readonly stamp: string;
  readonly batch: PlannedBatch;
  readonly plan: PlanReader;
  readonly source: StoreSession;
  readonly target: StoreSession;
  readonly createOnce: boolean;
  readonly records: RunRecords;
  readonly slab: Slab;
  readonly limits: Limits;
  readonly onError: 'continue' | 'stop';
  /** Whether an earlier call died, so that it may have left uploads that the cursor does not name. */
  readonly recovering: boolean;
  /** Groups of the batch from this one on are somebody else's; null where the batch ends it. */
  readonly untilGroup: number | null;
  /** Whether to return early where a group holds up those behind it. */
  readonly maySplit: boolean;
  /** When to return although there is more to do: at once, or as soon as the cursor has moved from where the call began. */
  readonly deadline: AbortSignal;
  /** Cancel, pause or shutdown: return soon. */
  readonly interrupt: AbortSignal;
  /** Called each second, also while nothing moves. */
  readonly onCheckpoint: (cursor: MergeCursor) => void;
  readonly clock: Clock;
}

export interface MergeBatchResult {
  /** Where it ended: `done` where every group is finished. */
  readonly cursor: MergeCursor;
  /**
   * A group, at or after that of the cursor, whose sources did not come for five seconds while groups behind it waited. Nothing of the
   * groups behind it was read: they can be merged beside this one, which goes on from the cursor up to and including it. Uploads that the cursor names in them go with them.
   */
  readonly stalledAtGroup: number | null;
}

export interface Counts { readonly requests: Requests; readonly retries: number }

/** What the sessions of a call have counted so far. Source and target may be one session. */
export function countsOf({ source, target }: Pick<MergeBatchOptions, 'source' | 'target'>): Counts {
  if (source === target) return { requests: { ...source.requests }, retries: source.retries() };
  return { requests: addRequests(source.requests, target.requests), retries: source.retries() + target.retries() };
}
