/** Whether a call came any further than the one before it. */
import type { MergeCursor, OpenChunk } from '../contracts/cursor.ts';
import { comparePositions } from './reading-list.ts';

/** Whether a call that starts at `reached` has less to read than one that starts at `from`: chunks are in the index, or parts acknowledged, that were not. */
export function hasMoved(from: MergeCursor, reached: MergeCursor): boolean {
  if (reached.done || comparePositions(from.low, reached.low) < 0) return true;
  const partsBefore = ({ start, chunk }: OpenChunk): number => from.open.find((open) => open.start.group === start.group && open.chunk === chunk)?.parts ?? 0;
  return reached.open.some((open) => open.parts > partsBefore(open));
}
