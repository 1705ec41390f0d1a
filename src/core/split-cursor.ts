/** Deals a batch's cursor out where a group that holds up those behind it is split off. */
import type { MergeCursor } from '../contracts/cursor.ts';
import { emptyTally } from '../contracts/tally.ts';

/**
 * @param group the last one of the first half
 * @returns the cursor as it is for the groups up to `group`, and one that starts with the group behind it: each with the uploads that are begun in its groups, so
 *   that nobody else carries them on
 */
export function splitCursor(cursor: MergeCursor, group: number): { readonly upTo: MergeCursor; readonly behind: MergeCursor } {
  const low = { group: group + 1, row: 0, offset: 0 };
  return {
    upTo: { ...cursor, open: cursor.open.filter(({ start }) => start.group <= group) },
    behind: { v: 1, low, chunk: 0, tally: emptyTally(), open: cursor.open.filter(({ start }) => start.group > group), done: false },
  };
}
