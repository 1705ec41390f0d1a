/**
 * What a retry reads: the sources that the failure records of a run name, as they are now. A source of which nothing was merged is read
 * whole; of a partial one the rest, where it is certain that the source of now begins with the bytes that were kept: it is the same
 * version, or these bytes have the same CRC32. Else it is refused, by a failure record of its own. Records that the chunk index contradicts are
 * not obeyed. So nothing is merged twice.
 */
import type { RunRef } from '../contracts/activities.ts';
import { isTributaryError, TributaryError } from '../contracts/errors.ts';
import type { MergeSpec } from '../contracts/merge.ts';
import type { PlanRest, PlanRow } from '../contracts/plan.ts';
import type { FailureRecord } from '../contracts/records.ts';
import type { Report } from '../contracts/report.ts';
import { compareKeys, encodingOf } from '../core/keys.ts';
import { controlPrefix } from '../core/names.ts';
import { heldFailures } from '../pipeline/held-failures.ts';
import { prefixCrc32 } from '../pipeline/salvage.ts';
import type { ObjectStore, StoredObject } from '../stores/object-store.ts';
import { defectiveSources, isComplete, reportOf } from './retries.ts';

/** Sources that are looked at at the same time. */
const LOOKS = 16;

export interface RetryOptions {
  readonly source: ObjectStore;
  readonly target: ObjectStore;
  readonly spec: MergeSpec;
  readonly run: RunRef;
  /** Keys up to this one are not wanted. */
  readonly after: string;
  readonly maxRows: number;
  readonly signal: AbortSignal;
}

/** Rows of the next sources, ascending by key, and whether they are the last. */
export async function collectRetry(options: RetryOptions): Promise<{ readonly rows: readonly PlanRow[]; readonly ended: boolean }> {
  const { target, spec, run, after, maxRows, signal } = options;
  const bucket = spec.target.bucket;
  const control = controlPrefix(spec.target.prefix, run.retryStamp ?? '');
  const records = await heldFailures(target, spec, { bucket, prefix: control }, signal);
  const report = await reportOf(target, bucket, control, signal);
  const wrote = isComplete(report);
  if (wrote && records.length > defectiveSources(report)) throw unsureOf(report, records);
  const failures = records.map((record) => ({ key: keyOf(spec, record), record }))
    .filter(({ key }) => after === '' || compareKeys(key, after) > 0).sort((a, b) => compareKeys(a.key, b.key));
  const rows: PlanRow[] = [];
  for (let at = 0; at < failures.length && rows.length < maxRows; at += LOOKS) {
    rows.push(...await Promise.all(failures.slice(at, at + LOOKS).map(({ key, record }) => rowOf(options, key, record, wrote))));
  }
  return { rows, ended: rows.length >= failures.length };
}

/** Where the chunk index was swept, nobody can tell any more which records were written late. */
function unsureOf(report: Report, records: readonly FailureRecord[]): TributaryError {
  const { id } = report.run;
  return new TributaryError('TRB-RUN-SWEPT', `the run ${id} has failure records of ${records.length} sources and reports ${defectiveSources(report)}: the others were merged, and the chunk index that told which is gone. `
    + `Nothing is merged again; \`tributary failures ${id}\` names them, ${records[0]?.uri ?? ''} first: merge those that are missing by hand`, { run: id });
}

function keyOf({ source }: MergeSpec, { uri }: FailureRecord): string {
  return uri.slice(`s3://${source.bucket}/`.length);
}

async function rowOf(options: RetryOptions, key: string, record: FailureRecord, wrote: boolean): Promise<PlanRow> {
  const now = await lookAt(options, key);
  // A source that cannot be looked at is planned as it was: reading it says why.
  const was: PlanRow = [key, record.bytes, record.etag ?? '""', 0];
  if (record.keep === 0) return now ? [key, now.sizeBytes, now.etag, now.modifiedMs] : was;
  const rest: PlanRest = { from: record.keep, ...(record.crc32 === undefined ? {} : { crc32: record.crc32 }) };
  const [, sizeBytes, etag, modifiedMs] = was;
  const refuse = (why: string): PlanRow => [key, now?.sizeBytes ?? sizeBytes, etag, now?.modifiedMs ?? modifiedMs, { ...rest, refused: why }];
  if (!wrote) return refuse(`was merged in part by a run that did not come to its end: whether its first ${record.keep} bytes are on the target cannot be told`);
  if (!now) return [key, sizeBytes, etag, modifiedMs, rest];
  if (now.etag === record.etag || await beginsWithKept(options, key, now, record)) return [key, now.sizeBytes, now.etag, now.modifiedMs, rest];
  return refuse(`does not begin with the ${record.keep} bytes of it that are on the target, or nobody can tell`);
}

async function lookAt({ source, spec, signal }: RetryOptions, key: string): Promise<StoredObject | null> {
  try {
    return await source.head({ bucket: spec.source.bucket, key }, { signal });
  } catch (error) {
    if (isTributaryError(error) && !error.retryable) return null;
    throw error;
  }
}

async function beginsWithKept({ source, spec, signal }: RetryOptions, key: string, { etag, sizeBytes }: StoredObject, { keep, crc32 }: FailureRecord): Promise<boolean> {
  const encoding = encodingOf(key);
  if (crc32 === undefined || (encoding !== 'gzip' && encoding !== 'zstd')) return false;
  const { bucket } = spec.source;
  const sum = await prefixCrc32({
    encoding, sizeBytes, prefixBytes: keep,
    read: async (offset, into) => { await source.readInto({ bucket, key, ifMatch: etag, offset, lengthBytes: into.length, sizeBytes }, into, { signal }); },
  });
  return sum === crc32;
}
