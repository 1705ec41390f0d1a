/**
 * The input of a merge run, and the spec it is resolved into. Strict: an unknown key is an error.
 * The same schema serves the command line, the client, the worker, `tributary explain merge` and the reference.
 */
import { z } from 'zod';
import { limitsInput, sizeBytes, type Limits } from './limits.ts';
import { locationInput, type Location } from './location.ts';
import { TOKEN_METADATA } from './names.ts';
import { parseDurationMs } from './units.ts';

/** A duration as `15m` or `7d`; parsed into milliseconds. */
export const durationMs = z.string().transform((text, context) => {
  const parsed = parseDurationMs(text);
  if (parsed === undefined) {
    context.addIssue({ code: 'custom', message: `"${text}" is not a duration; write a number and a unit, as 15m or 7d` });
    return z.NEVER;
  }
  return parsed;
});

/** An instant: ISO 8601 with a zone, or a date (midnight UTC). Kept as ISO text in UTC. */
export const instant = z.union([z.iso.date(), z.iso.datetime({ offset: true })], 'write a date, or an instant with its zone, as 2026-01-31 or 2026-01-31T09:00:00Z')
  .transform((text) => new Date(text).toISOString());

/** Of an upload part, where the input says nothing and the chunk is not so large that it needs larger ones. */
export const DEFAULT_PART_BYTES = 8 * 2 ** 20;

const globs = z.array(z.string().min(1));

const metadataKey = z.string().regex(/^[a-z0-9-]+$/, 'metadata keys have lower case letters, digits and dashes')
  .refine((key) => key !== TOKEN_METADATA, `${TOKEN_METADATA} is what chunks are known by; take another key`);

/** What S3 takes, of a key and of a value. */
const tagText = z.string().regex(/^[\p{L}\p{N}\p{Z}+\-=._:/@]*$/u, 'tags have letters, digits, spaces and + - = . _ : / @');
const tagKey = tagText.min(1).max(128).regex(/^(?!aws:)/i, 'tags that begin with aws: are the store\'s own');

export const outputInput = z.strictObject({
  contentType: z.string().min(1).optional().meta({ description: 'Content-Type of the objects written.', examples: ['application/x-ndjson'] }),
  storageClass: z.string().regex(/^[A-Z0-9_]+$/, 'a storage class is upper case, as STANDARD_IA').optional().meta({ description: 'Storage class of the objects written.' }),
  encryption: z.union([
    z.strictObject({ type: z.literal('s3') }),
    z.strictObject({ type: z.literal('kms'), key: z.string().min(1).optional(), bucketKey: z.boolean().optional() }),
  ]).optional().meta({ description: 'Server-side encryption of all that is written, control data included: {"type":"s3"}, or {"type":"kms","key":"…"}.' }),
  tags: z.record(tagKey, tagText.max(256)).refine((tags) => Object.keys(tags).length <= 10, 'at most 10 tags').optional()
    .meta({ description: 'Tags of the objects written.' }),
  metadata: z.record(metadataKey, z.string().regex(/^[\x20-\x7e]*$/, 'metadata values are printable ASCII')).optional()
    .meta({ description: 'User metadata of the objects written.' }),
});

export type OutputOptions = z.output<typeof outputInput>;
export type Encryption = NonNullable<OutputOptions['encryption']>;

/** Which listed objects become sources. */
const selection = {
  include: globs.optional().meta({ description: 'Globs of keys to take, relative to the source prefix. Of include and exclude the last match wins.' }),
  exclude: globs.optional().meta({ description: 'Globs of keys to leave out.' }),
  filters: z.array(z.strictObject({ include: z.string().min(1).optional(), exclude: z.string().min(1).optional() })
    .refine((f) => (f.include === undefined) !== (f.exclude === undefined), 'each filter has either include or exclude')).optional()
    .meta({ description: 'Include and exclude globs in one order: [{"exclude":"*"},{"include":"*.log"}]. Instead of include and exclude.' }),
  modifiedAfter: instant.optional().meta({ description: 'Take objects modified at this instant or later.' }),
  modifiedBefore: instant.optional().meta({ description: 'Take objects modified before this instant.' }),
  minAge: durationMs.optional().meta({ description: 'Skip objects younger than this: they may still be written.', examples: ['15m'] }),
  minBytes: sizeBytes.optional().meta({ description: 'Skip smaller objects.' }),
  maxBytes: sizeBytes.optional().meta({ description: 'Skip larger objects.' }),
};

export const mergeInput = z.strictObject({
  source: locationInput.meta({ description: 'Where the sources are: "s3://bucket/prefix/", or {"uri","store"}.' }),
  target: locationInput.meta({ description: 'Where the chunks go: "s3://bucket/prefix/", or {"uri","store"}.' }),
  chunk: z.union([
    z.strictObject({ lines: z.int('chunk.lines must be a whole number').min(1, 'chunk.lines must be at least 1') }),
    z.strictObject({ bytes: sizeBytes.refine((n) => n >= 1, 'chunk.bytes must be at least 1') }),
  ]).default({ lines: 25500 }).meta({ description: 'Size of a chunk: exactly {"lines": n}, or about {"bytes": "128MiB"}, cut at the first line end at or after it.' }),
  groupBy: z.union([z.literal('directory'), z.strictObject({ depth: z.int().min(0).max(64) })]).default('directory')
    .meta({ description: 'What is merged together: each "directory", or everything under the first n directories {"depth": n}.' }),
  compression: z.strictObject({ input: z.enum(['auto', 'none']).default('auto') }).default({ input: 'auto' })
    .meta({ description: '"auto" decodes .gz and .zst sources; "none" takes every source as it is.' }),
  extension: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9.]{0,15}$/, 'an extension has letters, digits and dots, without a leading dot').optional()
    .meta({ description: 'Extension of the chunks. Default: that of the first source of each group.' }),
  ...selection,
  onError: z.enum(['continue', 'stop']).default('continue').meta({ description: 'What a source that cannot be read does to the run.' }),
  verify: z.enum(['none', 'size', 'content']).default('size').meta({ description: 'How the chunks are checked after they were written.' }),
  limits: limitsInput.default({}).meta({ description: 'What the run may use.' }),
  partBytes: sizeBytes.refine((n) => n >= 5 * 2 ** 20 && n <= 64 * 2 ** 20, 'partBytes is between 5MiB and 64MiB').optional()
    .meta({ description: 'Size of an upload part. A chunk has at most 10,000 of them.', default: '8MiB' }),
  output: outputInput.default({}).meta({ description: 'Properties of the objects written.' }),
  dryRun: z.boolean().default(false).meta({ description: 'Freeze the plan and stop: nothing but the control prefix is written.' }),
  again: z.boolean().default(false).meta({ description: 'Merge although the target holds merged output of this source already.' }),
  label: z.string().min(1).max(128).optional().meta({ description: 'A name of yours for the run.' }),
}).refine((input) => !(input.filters && (input.include ?? input.exclude)), 'say either filters, or include and exclude');

/** Runs exactly the plan that an earlier run with `dryRun` froze. */
export const applyInput = z.strictObject({
  apply: z.string().min(1).meta({ description: 'Id of the run that froze the plan.' }),
  limits: limitsInput.optional(),
  again: z.boolean().optional(),
  label: z.string().min(1).max(128).optional(),
});

/** Merges what an ended run could not: the sources that its failure records name, as they are now. */
export const retryInput = z.strictObject({
  retryOf: z.string().min(1).meta({ description: 'Id of the run whose failed sources are merged.' }),
  limits: limitsInput.optional(),
  label: z.string().min(1).max(128).optional(),
});

export type MergeInput = z.input<typeof mergeInput>;
export type ApplyInput = z.input<typeof applyInput>;
export type RetryInput = z.input<typeof retryInput>;

/** One rule of the selection, in order; the last that matches decides. */
export interface Filter { readonly glob: string; readonly include: boolean }

/** A merge with nothing left open: what `spec.json` holds, and what planHash covers. No secrets, no endpoints. */
export interface MergeSpec {
  readonly schema: 'tributary.spec/1';
  readonly job: 'merge';
  readonly source: Location;
  readonly target: Location;
  readonly chunk: { readonly lines: number } | { readonly bytes: number };
  readonly groupBy: 'directory' | { readonly depth: number };
  readonly compression: { readonly input: 'auto' | 'none' };
  readonly extension: string | null;
  readonly filters: readonly Filter[];
  /** ISO instants; `minAge` is folded into `modifiedBefore` with the run's start. */
  readonly modifiedAfter: string | null;
  readonly modifiedBefore: string | null;
  readonly minBytes: number | null;
  readonly maxBytes: number | null;
  readonly onError: 'continue' | 'stop';
  readonly verify: 'none' | 'size' | 'content';
  readonly partBytes: number;
  readonly output: OutputOptions;
  readonly dryRun: boolean;
  readonly again: boolean;
  readonly label: string | null;
  readonly limits: Limits;
  /** The run whose failed sources this one merges, and nothing else. Absent where it reads what is listed. */
  readonly retryOf?: { readonly run: string; readonly stamp: string };
}
