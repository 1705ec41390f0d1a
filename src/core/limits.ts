import type { Limits } from '../contracts/limits.ts';

/** `base` with those limits that were given. */
export function limitsWith(given: { readonly [K in keyof Limits]?: Limits[K] | undefined }, base: Limits): Limits {
  const set = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  return { ...base, ...set };
}
