/** Arithmetic on what ended in a stretch of a batch. Values are immutable: positions share them. */
import type { Tally } from '../contracts/tally.ts';

/** The sources that are not whole, the last one first, and how many bytes of each are kept. */
export interface Defects { readonly row: number; readonly keep: number; readonly before: Defects | null }

/** Sources by outcome: how many, their listed bytes, and of partial ones the bytes that were kept; error counts by code; and which are not whole. */
export interface Ended {
  readonly done: readonly [objects: number, bytes: number];
  readonly partial: readonly [objects: number, bytes: number, kept: number];
  readonly failed: readonly [objects: number, bytes: number];
  readonly errors: Readonly<Record<string, number>>;
  readonly defects: Defects | null;
}

/** Why a source is not whole: what its failure record says. */
export interface Defect { readonly row: number; readonly outcome: 'partial' | 'failed'; readonly code: string; readonly keep: number }

export const NOTHING_ENDED: Ended = { done: [0, 0], partial: [0, 0, 0], failed: [0, 0], errors: {}, defects: null };

/** `ended` and one source more. */
export function withSource(ended: Ended, sizeBytes: number, defect: Defect | null): Ended {
  if (!defect) return { ...ended, done: [ended.done[0] + 1, ended.done[1] + sizeBytes] };
  const errors = { ...ended.errors, [defect.code]: (ended.errors[defect.code] ?? 0) + 1 };
  const defects = { row: defect.row, keep: defect.keep, before: ended.defects };
  if (defect.outcome === 'failed') return { ...ended, failed: [ended.failed[0] + 1, ended.failed[1] + sizeBytes], errors, defects };
  const [objects, bytes, kept] = ended.partial;
  return { ...ended, partial: [objects + 1, bytes + sizeBytes, kept + defect.keep], errors, defects };
}

/** `[row, keep]` of the sources that are not whole and ended after `start`, which `ended` goes on from, in order. */
export function defectsSince(start: Ended, ended: Ended): [row: number, keep: number][] {
  const found: [number, number][] = [];
  for (let last = ended.defects; last !== null && last !== start.defects; last = last.before) found.push([last.row, last.keep]);
  return found.reverse();
}

/** The sum of two stretches, of which the second follows the first. */
export function addEnded(a: Ended, b: Ended): Ended {
  return { ...combine(a, b, 1), defects: defectsSince(NOTHING_ENDED, b).reduce<Defects | null>((before, [row, keep]) => ({ row, keep, before }), a.defects) };
}

/** What ended in `a` and not in `b`, which is a start of it. */
export function subtractEnded(a: Ended, b: Ended): Omit<Ended, 'defects'> {
  return combine(a, b, -1);
}

function combine(a: Ended, b: Ended, sign: 1 | -1): Omit<Ended, 'defects'> {
  let errors = a.errors;
  for (const [code, count] of Object.entries(b.errors)) {
    const { [code]: before = 0, ...others } = errors;
    const after = before + sign * count;
    errors = after === 0 ? others : { ...others, [code]: after };
  }
  return {
    done: [a.done[0] + sign * b.done[0], a.done[1] + sign * b.done[1]],
    partial: [a.partial[0] + sign * b.partial[0], a.partial[1] + sign * b.partial[1], a.partial[2] + sign * b.partial[2]],
    failed: [a.failed[0] + sign * b.failed[0], a.failed[1] + sign * b.failed[1]],
    errors,
  };
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
