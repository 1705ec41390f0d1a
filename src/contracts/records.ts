/** Records that a run leaves under its control prefix beside the plan: chunk index and failures. */
import { z } from 'zod';

const whole = z.int().min(0);

/** One row a chunk, in `chunks/<page>-<batch>-<ordinal>.ndjson`. Pure: a retry may write a row again, equal. */
export const chunkRow = z.strictObject({
  key: z.string(),
  dir: z.string(),
  chunk: whole,
  lines: whole,
  bytes: whole,
  crc32: whole,
  etag: z.string(),
  /** `[plan row, offset]` of its first byte and of the byte after its last. */
  start: z.tuple([whole, whole]),
  end: z.tuple([whole, whole]),
  /** Whether it is the last chunk of its group: only that one may have fewer lines. */
  last: z.boolean(),
});
export type ChunkRow = z.infer<typeof chunkRow>;

/** One object a source that was skipped or cut short, in `failures/<page>-<batch>/<row>.json`. Written once; retries obey it. */
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
});
export type FailureRecord = z.infer<typeof failureRecord>;
