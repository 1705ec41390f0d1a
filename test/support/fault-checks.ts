/** What must hold after a run, whatever happened to it. Each finding is one sentence; none means that all of it holds. */
import { chunkRow, failureRecord, type ChunkRow, type FailureRecord } from '../../src/contracts/records.ts';
import type { Report } from '../../src/contracts/report.ts';
import { parseS3Uri } from '../../src/contracts/location.ts';
import { directoryOf, fileNameOf } from '../../src/core/keys.ts';
import { parseChunkName } from '../../src/core/names.ts';
import { reconciles } from '../../src/core/report.ts';
import type { Buckets } from './buckets.ts';
import { checkMerged } from './invariants.ts';
import { referenceMerge, type ReferenceOptions } from './reference-merge.ts';
import { isOfChunk, type LoggedRequest } from './request-log.ts';

export interface CheckedRun {
  readonly report: Report;
  /** What the run should have read: contents by key relative to the source prefix. */
  readonly sources: ReadonlyMap<string, Buffer>;
  readonly options: ReferenceOptions;
}

/** Bytes, counts, figures, index and leftovers of a run that read all of `sources`. */
export async function checkRun(buckets: Buckets, { report, sources, options }: CheckedRun): Promise<string[]> {
  const target = parseS3Uri(report.target);
  if (typeof target === 'string') return [target];
  const outputs = await buckets.read(target.bucket, target.prefix);
  const bytes = [...outputs.values()].reduce((sum, { length }) => sum + length, 0);
  return [
    ...checkMerged(sources, outputs, options),
    ...reconciles(report),
    ...(report.verify.differences === 0 ? [] : [`verification found ${report.verify.differences} differences`]),
    ...(report.chunks.count === outputs.size && report.chunks.bytes === bytes ? []
      : [`the report counts ${report.chunks.count} chunks of ${report.chunks.bytes} bytes; there are ${outputs.size} of ${bytes}`]),
    ...await checkIndex(buckets, report, outputs),
    ...await leftUploads(buckets, target),
  ];
}

/** The same of a run that was cancelled: what it wrote is a part of what it would have written. */
export async function checkCancelled(buckets: Buckets, { report, sources, options }: CheckedRun): Promise<string[]> {
  const target = parseS3Uri(report.target);
  if (typeof target === 'string') return [target];
  const outputs = await buckets.read(target.bucket, target.prefix);
  const reference = referenceMerge(sources, options);
  const wrong = [...outputs].filter(([key, bytes]) => {
    const name = parseChunkName(fileNameOf(key));
    return !reference.get(`${directoryOf(key)}${String(name?.chunk).padStart(8, '0')}`)?.equals(bytes);
  });
  return [
    ...(report.status === 'cancelled' ? [] : [`the status is ${report.status}`]),
    ...wrong.map(([key]) => `differs: ${key}`),
    ...reconciles(report),
    ...(report.chunks.count === outputs.size ? [] : [`the report counts ${report.chunks.count} chunks; there are ${outputs.size}`]),
    // A call that died may have published chunks that nobody could write into the index.
    ...(await checkIndex(buckets, report, outputs)).filter((finding) => !/^the index has \d+ chunks/.test(finding)),
    ...await leftUploads(buckets, target),
  ];
}

async function leftUploads(buckets: Buckets, target: { readonly bucket: string; readonly prefix: string }): Promise<string[]> {
  return (await buckets.openUploads(target.bucket)).filter((key) => key.startsWith(target.prefix)).map((key) => `an upload of ${key} is left open`);
}

/** What the run has on record of sources that it could not read, or not whole: by key relative to the source prefix. */
export async function readFailures(buckets: Buckets, report: Report): Promise<Map<string, FailureRecord>> {
  const control = parseS3Uri(report.control);
  if (typeof control === 'string') throw new Error(control);
  const failures = new Map<string, FailureRecord>();
  for (const { key } of await buckets.list(control.bucket, `${control.prefix}failures/`)) {
    const record = failureRecord.parse(JSON.parse((await buckets.get(control.bucket, key)).toString()));
    const source = record.uri.slice(report.source.length);
    // Of several for one source the smallest `keep` holds.
    if (record.keep < (failures.get(source)?.keep ?? Infinity)) failures.set(source, record);
  }
  return failures;
}

/** The sources as the run should have merged them: those on record only as far as they are kept. */
export function withFailures(sources: ReadonlyMap<string, Buffer>, failures: ReadonlyMap<string, FailureRecord>): Map<string, Buffer> {
  return new Map([...sources].map(([key, bytes]) => [key, bytes.subarray(0, failures.get(key)?.keep ?? bytes.length)]));
}

/** The chunk index has one row for each chunk, or several equal ones. */
async function checkIndex(buckets: Buckets, report: Report, outputs: ReadonlyMap<string, Buffer>): Promise<string[]> {
  const target = parseS3Uri(report.target);
  const control = parseS3Uri(report.control);
  if (typeof control === 'string' || typeof target === 'string') return [`${report.control} or ${report.target} is no location`];
  const rows = new Map<string, string>();
  const findings: string[] = [];
  for (const { key } of await buckets.list(control.bucket, `${control.prefix}chunks/`)) {
    for (const line of (await buckets.get(control.bucket, key)).toString().split('\n').filter((text) => text !== '')) {
      const row: ChunkRow = chunkRow.parse(JSON.parse(line));
      if ((rows.get(row.key) ?? line) !== line) findings.push(`the index has two rows that differ for ${row.key}`);
      rows.set(row.key, line);
      const chunk = outputs.get(row.key.slice(target.prefix.length));
      if (chunk?.length !== row.bytes) findings.push(`the index says ${row.bytes} bytes of ${row.key}; it has ${chunk?.length ?? 'none'}`);
    }
  }
  if (rows.size !== outputs.size) findings.push(`the index has ${rows.size} chunks; there are ${outputs.size}`);
  return findings;
}

/**
 * Chunks that were written more than once, by what the server answered: by a second PutObject, or by the Complete of a second upload.
 * (Servers answer a repeated Complete of one upload with success, without writing again.)
 */
export function writtenTwice(requests: readonly LoggedRequest[]): string[] {
  const writes = new Map<string, string[]>();
  for (const request of requests) {
    const { operation, key, query, status } = request;
    if (status !== 200 || !isOfChunk(request)) continue;
    const known = writes.get(key) ?? [];
    writes.set(key, known);
    const uploadId = query.get('uploadId');
    if (operation === 'PutObject') known.push('PutObject');
    else if (operation === 'CompleteMultipartUpload' && uploadId !== null && !known.includes(uploadId)) known.push(uploadId);
  }
  return [...writes].filter(([, by]) => by.length > 1).map(([key, by]) => `${key} was written ${by.length} times`);
}

/**
 * Parts that were sent again although the server's answer to an earlier try had gone to the client.
 * @param shared whether a worker that was taken for dead may have gone on: then only what could be known counts, that is what was
 * acknowledged before the parts of the upload were listed, and sent again after that
 */
export function resentAcknowledged(requests: readonly LoggedRequest[], shared = false): string[] {
  const acknowledgedMs = new Map<string, number>();
  const name = ({ key, query }: LoggedRequest): string => `part ${query.get('partNumber') ?? ''} of ${key}, upload ${query.get('uploadId') ?? ''}`;
  const parts = requests.filter(({ operation }) => operation === 'UploadPart');
  const lists = requests.filter(({ operation, answered, status }) => operation === 'ListParts' && answered && status === 200);
  for (const part of parts) {
    if (!part.answered || part.status !== 200 || part.endedMs === null) continue;
    acknowledgedMs.set(name(part), Math.min(part.endedMs, acknowledgedMs.get(name(part)) ?? Infinity));
  }
  return parts.filter((part) => {
    const toldMs = acknowledgedMs.get(name(part)) ?? Infinity;
    if (part.startedMs <= toldMs) return false;
    return !shared || lists.some(({ query, startedMs, endedMs }) =>
      query.get('uploadId') === part.query.get('uploadId') && startedMs > toldMs && (endedMs ?? Infinity) < part.startedMs);
  }).map(name);
}
