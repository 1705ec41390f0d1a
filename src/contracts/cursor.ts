/**
 * The cursor of a batch: the exact position that `mergeChunks` heartbeats and returns. At most 1 KiB as JSON, versioned, and
 * parsed where it is read. It holds no bytes and no keys: the tail of a part is read again from its offset.
 */
import { z } from 'zod';

const whole = z.int().min(0);

/**
 * A position in the bytes of a batch: group of the batch, global plan row, offset into that source (decoded bytes where it is
 * compressed). A position at a source's end is written as the start of the next.
 */
export const position = z.strictObject({ group: whole, row: whole, offset: whole });
export type Position = z.infer<typeof position>;

const requests = z.strictObject({ list: whole, get: whole, head: whole, put: whole, copy: whole, delete: whole });

export const tallySchema = z.strictObject({
  doneObjects: whole, doneBytes: whole, partialObjects: whole, partialBytes: whole, failedObjects: whole, failedBytes: whole,
  lines: whole, chunks: whole, chunkBytes: whole, requests, retries: whole, errors: z.record(z.string(), whole),
});

/** Sources that ended in a stretch of the batch: done, partial and failed ones as `[objects, listed bytes]`, and error counts. */
export const endedSchema = z.strictObject({
  done: z.tuple([whole, whole]), partial: z.tuple([whole, whole]), failed: z.tuple([whole, whole]),
  errors: z.record(z.string(), whole),
});
export type Ended = z.infer<typeof endedSchema>;

/** A chunk that is begun and not published. */
export const openChunk = z.strictObject({
  /** Number of the chunk in its group. */
  chunk: whole,
  /** Where the chunk starts. */
  start: position,
  uploadId: z.string(),
  /** Parts 1..parts are acknowledged, with no gap. */
  parts: whole,
  /** CRC32 of the bytes of these parts, and where they end. */
  crc32: whole,
  at: position,
  /** Lines and bytes of the chunk up to `at`. */
  lines: whole,
  bytes: whole,
  /** Sources that ended between `start` and `at`. */
  ended: endedSchema,
  /** Whether the chunk is complete at `at`, so that only its completion is left. */
  closed: z.boolean(),
});
export type OpenChunk = z.infer<typeof openChunk>;

export const mergeCursor = z.strictObject({
  v: z.literal(1),
  /** Everything before this position is published and in the chunk index. */
  low: position,
  /** Number, in its group, of the chunk that starts at `low`. */
  chunk: whole,
  /** Counts of everything before `low`. */
  tally: tallySchema,
  /** Begun uploads from `low` on, in order. */
  open: z.array(openChunk).max(4),
  done: z.boolean(),
});
export type MergeCursor = z.infer<typeof mergeCursor>;
