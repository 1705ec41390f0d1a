/**
 * The cursor of a batch: the exact position that `mergeChunks` heartbeats and returns. At most 1 KiB as JSON, versioned, and
 * parsed where it is read. It holds no bytes and no keys: the tail of a part is read again from its offset.
 */
import { z } from 'zod';

const whole = z.int().min(0);

/**
 * A position in the bytes of a batch: group of the batch, global plan row, offset into that source (decoded bytes where it is
 * compressed). The newline that a source lacks counts as one byte of it.
 */
export const position = z.strictObject({ group: whole, row: whole, offset: whole });
export type Position = z.infer<typeof position>;

const requests = z.strictObject({ list: whole, get: whole, head: whole, put: whole, copy: whole, delete: whole });

export const tallySchema = z.strictObject({
  doneObjects: whole, doneBytes: whole, partialObjects: whole, partialBytes: whole, failedObjects: whole, failedBytes: whole,
  lines: whole, chunks: whole, chunkBytes: whole, requests, retries: whole, errors: z.record(z.string(), whole),
});

/** A chunk that is begun and not published. Its upload is found by the chunk's key. */
export const openChunk = z.strictObject({
  /** Number of the chunk in its group. */
  chunk: whole,
  /** Where the chunk starts. */
  start: position,
  /** Parts 1..parts are acknowledged, with no gap. */
  parts: whole,
  /** CRC32 of the bytes of these parts, and where they end. */
  crc32: whole,
  at: position,
  /** Lines and bytes of the chunk up to `at`. */
  lines: whole,
  bytes: whole,
  /** Bytes before `at` that belong to a line of its source which goes on after `at`. */
  tail: whole,
  /**
   * Sources that ended between `start` and `at`: objects and listed bytes; of partial ones also the bytes that were kept. Only
   * where the failure records still say the same are the parts what the chunk needs.
   */
  ended: z.strictObject({ done: z.tuple([whole, whole]), partial: z.tuple([whole, whole, whole]), failed: z.tuple([whole, whole]) }),
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
  /** Begun uploads from `low` on, in order; of more than fit into 1 KiB those with the most bytes. */
  open: z.array(openChunk).max(4),
  done: z.boolean(),
});
export type MergeCursor = z.infer<typeof mergeCursor>;
