/**
 * The plan's artefacts on S3. All are written once under `_tributary/runs/<stamp>/` and named by the SHA-256 of their bytes.
 *
 *   plan/<hash>.ndjson.gz      one row a source, in UTF-8 order of keys; at most 50,000 rows
 *   batches/<hash>.ndjson      one row a batch; at most 500 rows, largest first
 *   plan/<hash>.segment.json   one planned stretch of the listing: its page, its batch files, the cursor after it, the segment before it
 *   plan/<hash>.plan.json      the sealed plan: spec hash, every page and batch file, totals; its hash is the planHash
 */
import { z } from 'zod';

/**
 * Of a source that a retry goes on with: its first `from` (decoded) bytes are merged already. `crc32`: theirs, where it is known. `refused`: why the rest
 * cannot be merged.
 */
const planRest = z.strictObject({ from: z.int().min(1), crc32: z.int().min(0).optional(), refused: z.string().optional() });
export type PlanRest = z.infer<typeof planRest>;

/** `[key, size in bytes, ETag with quotes, last modified in ms, rest]`. Its global row number is its position in the listing of selected sources. */
export const planRow = z.tuple([z.string(), z.int().min(0), z.string(), z.int(), planRest.optional()]);
export type PlanRow = z.infer<typeof planRow>;

/** Half-open ranges of global rows `[from, to)`, ascending. They cover the group's rows; rows of other groups may lie between. */
const rowRanges = z.array(z.tuple([z.int().min(0), z.int().min(0)])).min(1);

export const plannedGroup = z.strictObject({
  /** Directory relative to the source prefix: empty, or ends in `/`. */
  dir: z.string(),
  objects: z.int().min(1),
  bytes: z.int().min(0),
  ranges: rowRanges,
  /** Extension of the group's chunks, without a dot. */
  ext: z.string(),
});
export type PlannedGroup = z.infer<typeof plannedGroup>;

export const plannedBatch = z.strictObject({
  objects: z.int().min(1),
  bytes: z.int().min(0),
  groups: z.array(plannedGroup).min(1),
});
export type PlannedBatch = z.infer<typeof plannedBatch>;

export const planPageRef = z.strictObject({ hash: z.string(), firstRow: z.int().min(0), rows: z.int().min(0) });
export type PlanPageRef = z.infer<typeof planPageRef>;

export const batchFileRef = z.strictObject({ hash: z.string(), batches: z.int().min(1), groups: z.int().min(1), objects: z.int().min(1), bytes: z.int().min(0) });
export type BatchFileRef = z.infer<typeof batchFileRef>;

/** A group that the listing has not left yet. `length`: its prefix is the first `length` characters of the cursor's last key. */
export const openGroup = z.strictObject({ dir: z.string(), objects: z.int(), bytes: z.int(), ranges: rowRanges, ext: z.string() });

export const planTotals = z.strictObject({
  /** Everything listed, control data aside. */
  objects: z.int(), bytes: z.int(),
  /** Of these, the rows of the plan. */
  sources: z.int(), sourceBytes: z.int(),
  groups: z.int(), batches: z.int(),
  skipped: z.record(z.string(), z.strictObject({ objects: z.int(), bytes: z.int() })),
  listRequests: z.int(),
});
export type PlanTotals = z.infer<typeof planTotals>;

export const planSegment = z.strictObject({
  schema: z.literal('tributary.plan-segment/1'),
  previous: z.string().nullable(),
  page: planPageRef.nullable(),
  batchFiles: z.array(batchFileRef),
  totals: planTotals,
  /** Where the listing goes on; null after its end. */
  cursor: z.strictObject({ lastKey: z.string(), nextRow: z.int(), open: z.array(openGroup) }).nullable(),
});
export type PlanSegment = z.infer<typeof planSegment>;

export const sealedPlan = z.strictObject({
  schema: z.literal('tributary.plan-index/1'),
  specHash: z.string(),
  pages: z.array(planPageRef),
  batchFiles: z.array(batchFileRef),
  /** Which batch files each `mergePage` takes: half-open ranges of `batchFiles`, at most 500 batches each. */
  workPages: z.array(z.tuple([z.int(), z.int()])),
  totals: planTotals,
});
export type SealedPlan = z.infer<typeof sealedPlan>;
