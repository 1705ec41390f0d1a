import { z } from 'zod';
import { parseSizeBytes } from './units.ts';

const off = z.literal('off').transform(() => null);
const count = (what: string) => z.int().min(1, `${what} must be at least 1`);

/** A size in bytes: a whole number, or text as `128MiB`. */
export const sizeBytes = z.union([
  z.int().min(0),
  z.string().transform((text, context) => {
    const parsed = parseSizeBytes(text);
    if (parsed === undefined) {
      context.addIssue({ code: 'custom', message: `"${text}" is not a size; write bytes or a unit, as 128MiB` });
      return z.NEVER;
    }
    return parsed;
  }),
]);

/** What a run may use. Every field can be changed while the run goes on (update `setLimits`). `"off"` lifts a limit. */
export const limitsInput = z.strictObject({
  parallelGroups: count('parallelGroups').max(500).optional().meta({ description: 'Batches of groups that are merged at the same time.', default: 8 }),
  downloads: z.union([off, count('downloads').max(1000)]).optional().meta({
    description: 'Requests that read sources at the same time, over the whole run. Without it, 25 in each batch.', default: 'off' }),
  uploads: count('uploads').max(1000).optional().meta({ description: 'Requests that write at the same time, in one batch.', default: 16 }),
  bytesPerSecond: z.union([off, sizeBytes.refine((n) => n >= 1024, 'bytesPerSecond must be at least 1KiB, or "off"')]).optional().meta({
    description: 'Source bytes read a second, over the whole run.', default: 'off' }),
  requestsPerSecond: z.union([off, z.number().min(1)]).optional().meta({
    description: 'S3 requests a second, over the whole run.', default: 'off' }),
});

export type LimitsInput = z.input<typeof limitsInput>;

/** Limits of a run, with every default filled in. Rates in units a second; null means no limit. */
export interface Limits {
  readonly parallelGroups: number;
  readonly downloads: number | null;
  readonly uploads: number;
  readonly bytesPerSecond: number | null;
  readonly requestsPerSecond: number | null;
}

export const DEFAULT_LIMITS: Limits = { parallelGroups: 8, downloads: null, uploads: 16, bytesPerSecond: null, requestsPerSecond: null };
