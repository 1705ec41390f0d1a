/** Merges one batch from a cursor on, attempt after attempt where a chunk has to be written again. */
import type { MergeCursor } from '../contracts/cursor.ts';
import { TributaryError } from '../contracts/errors.ts';
import type { Tally } from '../contracts/tally.ts';
import { BatchAttempt, type AttemptEnd, type AttemptStart } from './attempt.ts';
import { hasMoved } from './cursor-moved.ts';
import { countsOf, type MergeBatchOptions, type MergeBatchResult } from './merge-options.ts';
import type { ChunkObject } from './publish.ts';
import { comparePositions } from './reading-list.ts';

/** Attempts that find an upload gone and come no further, before that counts as a fault of the store. */
const FRUITLESS_ATTEMPTS = 5;

/**
 * @param cursor where to start
 * @returns how far it came: `done` where the groups are finished, else because of the deadline, an interruption or a stalled group
 * @throws TributaryError where the run cannot go on
 */
export async function mergeBatch(options: MergeBatchOptions, cursor: MergeCursor): Promise<MergeBatchResult> {
  const { deadline, interrupt, recovering } = options;
  const left = new Map<string, ChunkObject>();
  let from = cursor;
  let start: Omit<AttemptStart, 'from'> = { began: cursor, before: countsOf(options), resumes: recovering || from.open.length > 0 || from.tally.requests.list > 0, without: null, left };
  let fruitless = 0;
  while (!from.done && !interrupt.aborted && !(deadline.aborted && hasMoved(cursor, from))) {
    const { cursor: reached, restart, stalledAtGroup }: AttemptEnd = await new BatchAttempt(options, { ...start, from }).run();
    if (!restart) return { cursor: reached, stalledAtGroup };
    fruitless = restart.kind === 'upload' && comparePositions(reached.low, from.low) === 0 ? fruitless + 1 : 0;
    if (fruitless === FRUITLESS_ATTEMPTS) throw new TributaryError('TRB-STORE-FAULT', `${restart.message}, again and again`);
    from = reached;
    start = { began: cursor, before: countsOf(options), resumes: true, without: restart.without, left };
  }
  return { cursor: from, stalledAtGroup: null };
}

/** The cursor at the start of a batch. */
export function startCursor(emptyTally: Tally): MergeCursor {
  return { v: 1, low: { group: 0, row: 0, offset: 0 }, chunk: 0, tally: emptyTally, open: [], done: false };
}
