/** Deals out what a call has left of its batch: behind a group that holds up the others, or in halves. */
import type { MergeCursor } from '../contracts/cursor.ts';
import type { PlannedGroup } from '../contracts/plan.ts';
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

/**
 * Where to deal out what is left in two halves that are about as much to do: an object is as much as the average of their bytes.
 * @param from the group that the cursor is in
 * @param until groups from this one on are somebody else's
 * @returns the last group of the first half; null where fewer than two groups are left
 */
export function halfwayGroup(groups: readonly Pick<PlannedGroup, 'objects' | 'bytes'>[], from: number, until: number): number | null {
  const left = groups.slice(from, until);
  if (left.length < 2) return null;
  const bytes = left.reduce((sum, group) => sum + group.bytes, 0);
  const objects = left.reduce((sum, group) => sum + group.objects, 0);
  const shareOf = (group: Pick<PlannedGroup, 'objects' | 'bytes'>): number => group.objects / objects + group.bytes / Math.max(1, bytes);
  const half = left.reduce((sum, group) => sum + shareOf(group), 0) / 2;
  let before = 0;
  let at = 0;
  // A group goes to the half that it lies in for the most part; each half has one at least.
  for (const group of left.slice(0, -1)) {
    if (at > 0 && before + shareOf(group) / 2 > half) break;
    before += shareOf(group);
    at += 1;
  }
  return from + at - 1;
}
