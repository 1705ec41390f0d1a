import type { MergeSpec } from '../contracts/merge.ts';
import { compileGlob } from './globs.ts';

/** Why a listed object does not become a source. These are keys of `skipped.reasons` in reports. */
export type SkipReason = 'filter' | 'too-old' | 'too-new' | 'too-small' | 'too-large';

export type Selection = (relativeKey: string, sizeBytes: number, modifiedMs: number) => SkipReason | null;

/**
 * Which listed objects become sources. Of the filters the last that matches a key decides. A key that none matches is taken where
 * there is no filter or the first one excludes, and left out where the first one includes: `--include '*.log'` alone takes nothing
 * else. Globs are those of `compileGlob`.
 * @returns a function that says why an object is left out, or null where it is taken; `modifiedAfter` is inclusive, `modifiedBefore` exclusive
 * @throws TRB-INVALID-INPUT for a malformed glob
 */
export function compileSelection(spec: Pick<MergeSpec, 'filters' | 'modifiedAfter' | 'modifiedBefore' | 'minBytes' | 'maxBytes'>): Selection {
  const lastFirst = spec.filters.map(({ glob, include }) => ({ pattern: compileGlob(glob), include })).reverse();
  const otherwise = spec.filters[0]?.include !== true;
  const afterMs = spec.modifiedAfter === null ? -Infinity : Date.parse(spec.modifiedAfter);
  const beforeMs = spec.modifiedBefore === null ? Infinity : Date.parse(spec.modifiedBefore);
  const minBytes = spec.minBytes ?? 0;
  const maxBytes = spec.maxBytes ?? Infinity;
  return (relativeKey, sizeBytes, modifiedMs) => {
    const decisive = lastFirst.find(({ pattern }) => pattern.test(relativeKey));
    if (!(decisive?.include ?? otherwise)) return 'filter';
    if (modifiedMs < afterMs) return 'too-old';
    if (modifiedMs >= beforeMs) return 'too-new';
    if (sizeBytes < minBytes) return 'too-small';
    return sizeBytes > maxBytes ? 'too-large' : null;
  };
}
