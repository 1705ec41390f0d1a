/** What a run answers with: its report, its plan and its progress. Versioned shapes that scripts read. */
import { z } from 'zod';

const whole = z.int().min(0);
const amount = z.strictObject({ objects: whole, bytes: whole });

export const reportSchema = z.strictObject({
  schema: z.literal('tributary.report/1'),
  run: z.strictObject({ id: z.string(), stamp: z.string(), job: z.literal('merge'), label: z.string().nullable(), planHash: z.string().nullable() }),
  source: z.string(),
  target: z.string(),
  status: z.enum(['completed', 'completed_with_failures', 'failed', 'cancelled']),
  time: z.strictObject({ started: z.string(), ended: z.string(), seconds: z.number() }),
  planned: z.strictObject({ objects: whole, bytes: whole, groups: whole }),
  done: amount,
  partial: amount,
  failed: amount,
  skipped: z.strictObject({ objects: whole, bytes: whole, reasons: z.record(z.string(), whole) }),
  lines: whole,
  averageLinesPerObject: z.number(),
  chunks: z.strictObject({ count: whole, bytes: whole }),
  /** That listed and read sources, wrote chunks with their index and failure records, and verified them. See docs/SEMANTICS.md for what is not counted. */
  requests: z.strictObject({ list: whole, get: whole, head: whole, put: whole, copy: whole, delete: whole }),
  retries: whole,
  historyBytes: whole,
  verify: z.strictObject({ mode: z.enum(['none', 'size', 'content']), differences: whole }),
  errors: z.array(z.strictObject({ code: z.string(), count: whole, example: z.record(z.string(), z.unknown()) })),
  control: z.string(),
  /** Where something works in a weaker way than it should, as a store that ignores preconditions. Absent when there is nothing to say. */
  notes: z.array(z.string()).optional(),
});
export type Report = z.infer<typeof reportSchema>;

export const planReportSchema = z.strictObject({
  schema: z.literal('tributary.plan/1'),
  run: z.strictObject({ id: z.string(), stamp: z.string(), job: z.literal('merge'), label: z.string().nullable(), planHash: z.string() }),
  source: z.string(),
  target: z.string(),
  planned: z.strictObject({ objects: whole, bytes: whole, groups: whole, batches: whole }),
  /** Of the planned objects, those that will not be read, by reason. */
  skipped: z.strictObject({ objects: whole, bytes: whole, reasons: z.record(z.string(), whole) }),
  /** Requests that the run will make, about: sources that are compressed or short of lines shift the number of writes. */
  requests: z.strictObject({ list: whole, get: whole, head: whole, put: whole, copy: whole, delete: whole }),
  /** At the list prices of S3 Standard in us-east-1. */
  cost: z.strictObject({ usd: z.number(), basis: z.string() }),
  control: z.string(),
  /** What `apply` needs to find exactly this plan. */
  spec: z.strictObject({ store: z.string(), hash: z.string() }),
});
export type PlanReport = z.infer<typeof planReportSchema>;

export const FINDING_MARKS = { same: '=', onlySource: '+', onlyTarget: '-', differs: '*', error: '!' } as const;

export const findingSchema = z.strictObject({
  mark: z.enum(['=', '+', '-', '*', '!']),
  uri: z.string(),
  what: z.string(),
});
export type Finding = z.infer<typeof findingSchema>;

export const verifyReportSchema = z.strictObject({
  schema: z.literal('tributary.verify/1'),
  run: z.string(),
  mode: z.enum(['size', 'content']),
  chunks: whole,
  /** How many sources were compared; absent where only the chunks were. */
  sources: whole.optional(),
  /** The first of them, as many as make a MiB. */
  differences: z.array(findingSchema),
  /** Differences that are not listed. */
  omitted: whole,
});
export type VerifyReport = z.infer<typeof verifyReportSchema>;

/** What `tributary sweep` found under a target, and whether it removed it. */
export const sweepReportSchema = z.strictObject({
  schema: z.literal('tributary.sweep/1'),
  target: z.string(),
  /** False where it only looked. */
  removed: z.boolean(),
  /** Multipart uploads that nobody goes on with. */
  uploads: z.array(z.strictObject({ uri: z.string(), uploadId: z.string(), started: z.string(), run: z.string().nullable(), why: z.string() })),
  /** Control data of runs that have ended: what is removed of it. */
  control: z.array(z.strictObject({ uri: z.string(), run: z.string(), objects: whole, bytes: whole, written: z.string(), why: z.string() })),
  /** What looks like ours and stays. */
  kept: z.array(z.strictObject({ uri: z.string(), why: z.string() })),
});
export type SweepReport = z.infer<typeof sweepReportSchema>;
