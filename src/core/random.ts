/** A sequence of numbers that follows from its seed alone: for generated data and tests, never for secrets. */
export interface Random {
  /** A whole number from 0 up to, not including, `bound` (at most 2^32). */
  below(bound: number): number;
  /** True with this probability. */
  chance(probability: number): boolean;
  /** One of `items`, which has at least one. */
  pick<T>(items: readonly [T, ...T[]]): T;
}

/** @param seed any whole number; equal modulo 2^32 is equal */
export function createRandom(seed: number): Random {
  let state = seed | 0;
  const next = (): number => {
    state = (state + GOLDEN) | 0;
    return mix(state);
  };
  const below = (bound: number): number => Math.floor(next() / 2 ** 32 * bound);
  return {
    below,
    chance: (probability) => next() / 2 ** 32 < probability,
    pick: (items) => items[below(items.length)] ?? items[0],
  };
}

/** A seed for the `index`-th of several things that are made from one seed, each in a sequence of its own. */
export function seedOf(seed: number, index: number): number {
  return mix((mix(seed | 0) + Math.imul(index, GOLDEN)) | 0);
}

/** 2^32 divided by the golden ratio: steps of it visit all 32-bit numbers, and spread evenly. */
const GOLDEN = 0x9e3779b9;

/** A one-to-one scrambling of 32-bit numbers in which every bit of the input changes about half of the output (MurmurHash3's last step). */
function mix(value: number): number {
  let mixed = value ^ (value >>> 16);
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
