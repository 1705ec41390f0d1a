/** What the runs of the fault ring read: one large chunk of many parts, or many small ones. */
import type { Buckets } from './buckets.ts';
import { makeBigSources } from './big-sources.ts';
import { makeSources } from './numbered-lines.ts';

export const MIB = 2 ** 20;

/** Directories that a store over a file system can hold. */
const DIRECTORIES = ['', 'a/', 'a/b/', 'a-b/', 'a/b/c/', 'dt=2026-01-01/', 'a b+ü/', '日本/'] as const;

/** Part of the input of a run that reads `fillMany`. */
export const MANY = { chunk: { lines: 100 } } as const;
/** Part of the input of a run that reads `fillBig`. */
export const BIG = { chunk: { lines: 1_000_000 }, partBytes: 5 * MIB } as const;

/** Small irregular sources in several directories of bucket `logs`; they make about twice as many chunks. @returns contents by key under `prefix` */
export async function fillMany(buckets: Buckets, prefix: string, seed: number, sources = 200): Promise<Map<string, Buffer>> {
  const made = makeSources(seed, { sources, directories: DIRECTORIES, maxLines: 400 });
  await buckets.fill('logs', made, prefix);
  return made;
}

/** Sources of one chunk of about as many parts, in bucket `logs`. @returns contents by key under `prefix` */
export async function fillBig(buckets: Buckets, prefix: string, seed: number, sources = 12): Promise<Map<string, Buffer>> {
  const made = makeBigSources(seed, sources, 5 * MIB + 1111);
  await buckets.fill('logs', made, prefix);
  return made;
}
