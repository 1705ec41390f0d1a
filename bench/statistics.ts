/** Medians, spread and ratios of what was measured. Pure. */

export interface Spread { readonly min: number; readonly median: number; readonly max: number }

/** @param values at least one */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle];
  if (upper === undefined) throw new Error('there is nothing to take the median of');
  const lower = sorted.length % 2 === 1 ? upper : sorted[middle - 1] ?? upper;
  return { min: sorted[0] ?? upper, median: (lower + upper) / 2, max: sorted.at(-1) ?? upper };
}

/**
 * The ratio of two medians, and between which bounds the ratio was within single rounds: what stands side by side in time met the same
 * machine. @param over, under one value a round, in the order of the rounds
 */
export function ratioOf(over: readonly number[], under: readonly number[]): Spread {
  const { min, max } = spreadOf(over.slice(0, under.length).map((value, round) => value / (under[round] ?? value)));
  return { min, median: spreadOf(over).median / spreadOf(under).median, max };
}
