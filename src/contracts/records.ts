/** Records that a run leaves under its control prefix beside the plan: chunk index and failures. */
import { z } from 'zod';

const whole = z.int().min(0);

/**
 * One row a chunk, in `chunks/<page>-<batch>/<first group>.<first chunk>-<last group>.<last chunk>.ndjson` (numbers padded, so
 * that names sort as the rows do). A file's content follows from its name, so writers cannot harm each other: a retry may write
 * a row again, equal.
 */
export const chunkRow = z.strictObject({
  key: z.string(),
  /** Ordinal of the group in its batch. */
  group: whole,
  dir: z.string(),
  chunk: whole,
  lines: whole,
  bytes: whole,
  crc32: whole,
  etag: z.string(),
  /** `[plan row, offset]` of its first byte and of the byte after its last. */
  start: z.tuple([whole, whole]),
  end: z.tuple([whole, whole]),
  /** `[plan row, bytes kept]` of the sources in it that are not whole, ascending: the failure records that it was made under. Rows of old versions do not say. */
  defects: z.array(z.tuple([whole, whole])).optional(),
});
export type ChunkRow = z.infer<typeof chunkRow>;

/**
 * One object a source that was skipped or cut short, in `failures/<page>-<batch>/<row>-<keep>.json`. Written once; retries
 * obey it. Where one row has several (it could not be read a second time), the smallest `keep` holds.
 */
export const failureRecord = z.strictObject({
  row: whole,
  uri: z.string(),
  outcome: z.enum(['failed', 'partial']),
  code: z.string(),
  reason: z.string(),
  bytes: whole,
  /** Offset of the damage, in decoded bytes; 0 for `failed`. */
  offset: whole,
  /** How many (decoded) bytes of the source are kept: complete lines only. */
  keep: whole,
  /** The version that was read. */
  etag: z.string().optional(),
  /** CRC32 of the bytes that are kept, of a compressed source: by it a mended version is known to begin with the same bytes. */
  crc32: whole.optional(),
});
export type FailureRecord = z.infer<typeof failureRecord>;

/**
 * `run.json`, the first thing that a run writes: which workflow wrote this control data, and who can be asked about it. Namespaces have
 * ids of their own on every Temporal server.
 */
export const runRecord = z.strictObject({
  schema: z.literal('tributary.run/1'),
  id: z.string(),
  stamp: z.string(),
  namespace: z.string(),
  namespaceId: z.string(),
});
export type RunRecord = z.infer<typeof runRecord>;

/** `swept.json`: what was only needed to go on with the run, or to verify it, was removed after its end. */
export const sweptRecord = z.strictObject({
  schema: z.literal('tributary.swept/1'),
  swept: z.string(),
  /** Whether there was a chunk index: then the target holds output of the run. */
  chunks: z.boolean(),
});
export type SweptRecord = z.infer<typeof sweptRecord>;
