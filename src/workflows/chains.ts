/** Chains: neighbouring groups of a batch, merged by one call after another, each from the cursor of the one before. */
import type { MergeCursor } from '../contracts/cursor.ts';
import type { BranchProgress } from '../contracts/progress.ts';
import { addTally, emptyTally, type Tally } from '../contracts/tally.ts';

/** Chains of one batch at the same time. A batch with more slow groups waits for them. */
const MAX_CHAINS = 8;

export interface Chain {
  /** Of the page. */
  readonly batch: number;
  /** What the batch is, for people. */
  readonly summary: string;
  /** Of the batch. */
  readonly groups: number;
  /** Where it goes on; null at the batch's start. */
  readonly cursor: MergeCursor | null;
  readonly untilGroup: number | null;
  /** Whether uploads may be left which the cursor does not name. */
  readonly recovering: boolean;
  /** Calls so far, those of the runs of this workflow before this one too. */
  readonly calls: number;
}

export function wholeBatch(batch: number, summary: string, groups: number): Chain {
  return { batch, summary, groups, cursor: null, untilGroup: null, recovering: false, calls: 0 };
}

export function isOver({ cursor }: Chain): boolean {
  return cursor?.done === true;
}

/** As far as calls have told that returned. */
export function groupsLeft({ groups, cursor, untilGroup }: Chain): number {
  return (untilGroup ?? groups) - (cursor?.low.group ?? 0);
}

/** Whether a batch may go on in one chain more. */
export function mayDivide(chains: readonly Chain[], { batch }: Chain): boolean {
  return chains.filter((other) => other.batch === batch).length < MAX_CHAINS;
}

export function tallyOf(chains: readonly Chain[]): Tally {
  return chains.reduce((sum, { cursor }) => (cursor ? addTally(sum, cursor.tally) : sum), emptyTally());
}

export function batchesOf(chains: readonly Chain[], paused: boolean): BranchProgress['batches'] {
  const all = [...Map.groupBy(chains, ({ batch }) => batch).values()];
  const done = all.filter((ofBatch) => ofBatch.every(isOver)).length;
  return { total: all.length, done, running: paused ? 0 : all.length - done };
}
