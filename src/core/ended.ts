/** Arithmetic on what ended in a stretch of a batch. Values are immutable: positions share them. */
import type { Ended } from '../contracts/cursor.ts';
import type { Tally } from '../contracts/tally.ts';

export const NOTHING_ENDED: Ended = { done: [0, 0], partial: [0, 0], failed: [0, 0], errors: {} };

/** `ended` and one source more. */
export function withSource(ended: Ended, outcome: 'done' | 'partial' | 'failed', sizeBytes: number, code?: string): Ended {
  const [objects, bytes] = ended[outcome];
  const errors = code === undefined ? ended.errors : { ...ended.errors, [code]: (ended.errors[code] ?? 0) + 1 };
  return { ...ended, [outcome]: [objects + 1, bytes + sizeBytes], errors };
}

/** The sum of two stretches that do not overlap. */
export function addEnded(a: Ended, b: Ended): Ended {
  return combine(a, b, 1);
}

/** What ended in `a` and not in `b`, which is a start of it. */
export function subtractEnded(a: Ended, b: Ended): Ended {
  return combine(a, b, -1);
}

function combine(a: Ended, b: Ended, sign: 1 | -1): Ended {
  const pair = (x: readonly [number, number], y: readonly [number, number]): [number, number] => [x[0] + sign * y[0], x[1] + sign * y[1]];
  let errors = a.errors;
  for (const [code, count] of Object.entries(b.errors)) {
    const { [code]: before = 0, ...others } = errors;
    const after = before + sign * count;
    errors = after === 0 ? others : { ...others, [code]: after };
  }
  return { done: pair(a.done, b.done), partial: pair(a.partial, b.partial), failed: pair(a.failed, b.failed), errors };
}

/** `tally` with the sources of `ended` added. */
export function tallyWithEnded(tally: Tally, ended: Ended): Tally {
  const errors = { ...tally.errors };
  for (const [code, count] of Object.entries(ended.errors)) errors[code] = (errors[code] ?? 0) + count;
  return {
    ...tally,
    doneObjects: tally.doneObjects + ended.done[0], doneBytes: tally.doneBytes + ended.done[1],
    partialObjects: tally.partialObjects + ended.partial[0], partialBytes: tally.partialBytes + ended.partial[1],
    failedObjects: tally.failedObjects + ended.failed[0], failedBytes: tally.failedBytes + ended.failed[1],
    errors,
  };
}
