/**
 * Compares what the target holds with the chunk index: other evidence than the write itself.
 *
 * Both sides are walked once and summed into a fingerprint that does not depend on order, so memory stays flat for any number of
 * chunks. Only where the fingerprints differ are the sides compared key by key, in as many passes as memory asks for.
 */
import { hash } from 'node:crypto';
import { crc32 } from '@node-rs/crc32';
import { isTributaryError } from '../contracts/errors.ts';
import type { MergeSpec } from '../contracts/merge.ts';
import type { ChunkRow } from '../contracts/records.ts';
import { FINDING_MARKS, type Finding } from '../contracts/report.ts';
import { countLines } from '../core/lines.ts';
import { directoryOf, fileNameOf } from '../core/keys.ts';
import { isControlKey, parseChunkName } from '../core/names.ts';
import { listAll } from '../stores/list-all.ts';
import type { ListedObject, ObjectStore } from '../stores/object-store.ts';
import { chunkIndex } from './chunk-index.ts';
import { chunkToken, isOurs } from './publish.ts';
import type { ControlFolder } from './run-records.ts';

/** Chunks compared key by key in one pass. */
const PASS_CHUNKS = 200_000;
/** Findings that are named; the others are counted. */
const MAX_FINDINGS = 10_000;
const READ_BYTES = 8 * 2 ** 20;

export interface VerifyOptions {
  readonly store: ObjectStore;
  readonly spec: MergeSpec;
  readonly stamp: string;
  readonly control: ControlFolder;
  readonly mode: 'size' | 'content';
  readonly signal: AbortSignal;
  /** Chunks, from the first on, that an attempt before has read: they are not read again. */
  readonly alreadyRead: number;
  /** Called for each chunk that was read and is as it was written, with its place from 1 on. */
  readonly onWhole: (nth: number) => void;
}

export interface Verified { readonly chunks: number; readonly findings: readonly Finding[]; /** How many there are, those that are not named too. */ readonly differences: number }

/** Looks at every chunk of a run. Findings name the differences, at most 10,000 of them. */
export async function verifyChunks(options: VerifyOptions): Promise<Verified> {
  const { spec, mode } = options;
  const indexed = new Fingerprint();
  const findings: Finding[] = [];
  const unreadable = new Map<string, Finding>();
  let before: ChunkRow | null = null;
  for await (const row of chunkIndex(options.store, options.control, options.signal)) {
    indexed.add(row.key, row.bytes, row.etag);
    findings.push(...sequenceFindings(spec, before, row));
    if (mode === 'content' && indexed.count > options.alreadyRead) {
      const found = await contentFinding(options, row);
      if (found?.mark === FINDING_MARKS.error) unreadable.set(found.uri, found);
      else if (found) findings.push(found);
      else options.onWhole(indexed.count);
    }
    before = row;
  }
  const listed = new Fingerprint();
  for await (const { key, sizeBytes, etag } of listChunks(options)) listed.add(key, sizeBytes, etag);
  // Of a chunk whose index contradicts itself, that is gone, or of another size, that is said.
  for (const { uri: of } of findings) unreadable.delete(of);
  const compared = listed.equals(indexed) ? { findings: [], more: 0 } : await compareByKey(options, indexed.count, (of) => { unreadable.delete(of); });
  const all = unique([...findings, ...compared.findings, ...unreadable.values()]);
  return { chunks: indexed.count, findings: all.slice(0, MAX_FINDINGS), differences: all.length + compared.more };
}

/** A sum over `(key, size, ETag)`: equal for equal sets, in whatever order. */
class Fingerprint {
  count = 0;
  #sum = 0;

  add(key: string, sizeBytes: number, etag: string): void {
    this.count += 1;
    this.#sum = (this.#sum + hash('sha256', `${key}\0${sizeBytes}\0${etag}`, 'buffer').readUIntBE(0, 6)) % 2 ** 48;
  }

  equals(other: Fingerprint): boolean {
    return this.count === other.count && this.#sum === other.#sum;
  }
}

function uri({ target }: MergeSpec, key: string): string {
  return `s3://${target.bucket}/${key}`;
}

/** In a group chunks count from 0 without a gap, and all but the last have exactly the lines that were asked for. */
function sequenceFindings(spec: MergeSpec, before: ChunkRow | null, row: ChunkRow): Finding[] {
  const sameGroup = before?.dir === row.dir;
  const findings: Finding[] = [];
  const expected = sameGroup ? before.chunk + 1 : 0;
  if (row.chunk !== expected) findings.push({ mark: FINDING_MARKS.error, uri: uri(spec, row.key), what: `the chunk index goes from chunk ${expected - 1} to ${row.chunk}` });
  if (sameGroup && 'lines' in spec.chunk && before.lines !== spec.chunk.lines) {
    findings.push({ mark: FINDING_MARKS.error, uri: uri(spec, before.key), what: `has ${before.lines} lines, not ${spec.chunk.lines}` });
  }
  return findings;
}

async function* listChunks({ store, spec: { target: { bucket, prefix } }, stamp, signal }: VerifyOptions): AsyncGenerator<ListedObject> {
  for await (const object of listAll(store, { bucket, prefix }, { signal })) {
    if (!isControlKey(object.key) && parseChunkName(fileNameOf(object.key))?.stamp === stamp) yield object;
  }
}

/** @param onFinding told of each, with its URI @returns the first of them, and how many more there are */
async function compareByKey(options: VerifyOptions, chunks: number, onFinding: (uri: string) => void): Promise<{ readonly findings: readonly Finding[]; readonly more: number }> {
  const { spec } = options;
  const passes = Math.max(1, Math.ceil(chunks / PASS_CHUNKS));
  const findings: Finding[] = [];
  let more = 0;
  const add = async (mark: Finding['mark'], key: string, what: () => string | Promise<string>): Promise<void> => {
    onFinding(uri(spec, key));
    if (findings.length < MAX_FINDINGS) findings.push({ mark, uri: uri(spec, key), what: await what() });
    else more += 1;
  };
  for (let pass = 0; pass < passes; pass += 1) {
    const inPass = (key: string): boolean => passes === 1 || crc32(key) % passes === pass;
    const rows = new Map<string, ChunkRow>();
    const keyOf = new Map<string, string>();
    for await (const row of chunkIndex(options.store, options.control, options.signal)) {
      if (!inPass(row.key)) continue;
      rows.set(row.key, row);
      keyOf.set(row.etag, row.key);
    }
    for await (const { key, sizeBytes, etag } of listChunks(options)) {
      if (!inPass(key)) continue;
      const row = rows.get(key);
      rows.delete(key);
      if (!row) await add(FINDING_MARKS.onlyTarget, key, () => whyNotIndexed(options, key, keyOf.get(etag)));
      else if (row.bytes !== sizeBytes) await add(FINDING_MARKS.differs, key, () => `has ${sizeBytes} bytes, and ${row.bytes} were written`);
      else if (row.etag !== etag) await add(FINDING_MARKS.differs, key, () => `was written again: its ETag is ${etag}, and was ${row.etag}`);
    }
    for (const row of rows.values()) await add(FINDING_MARKS.onlySource, row.key, () => `is gone: ${row.lines} lines of ${row.dir === '' ? 'the root' : row.dir}`);
  }
  return { findings, more };
}

/** @param copyOf key of a chunk with the same ETag */
async function whyNotIndexed({ store, spec, stamp, signal }: VerifyOptions, key: string, copyOf: string | undefined): Promise<string> {
  const { bucket, prefix } = spec.target;
  const there = await store.head({ bucket, key }, { signal });
  const name = parseChunkName(fileNameOf(key));
  // The token of another place came here with a copy.
  const isOwn = there !== null && name !== null && isOurs({ token: chunkToken(stamp, directoryOf(key.slice(prefix.length)), name.chunk) }, there);
  if (isOwn) return 'was written by this run, and is not in its chunk index';
  return `was not written by this run${copyOf === undefined ? '' : `: it is a copy of ${uri(spec, copyOf)}`}`;
}

/** Reads a chunk again: its bytes have the CRC and the lines that were written. Null where they have. */
async function contentFinding({ store, spec, signal }: VerifyOptions, row: ChunkRow): Promise<Finding | null> {
  const found = (mark: Finding['mark'], what: string): Finding => ({ mark, uri: uri(spec, row.key), what });
  const buffer = Buffer.allocUnsafe(Math.min(READ_BYTES, row.bytes));
  let sum = 0;
  let lines = 0;
  try {
    for (let offset = 0; offset < row.bytes; offset += buffer.length) {
      const view = buffer.subarray(0, Math.min(buffer.length, row.bytes - offset));
      await store.readInto({ bucket: spec.target.bucket, key: row.key, ifMatch: row.etag, offset, lengthBytes: view.length, sizeBytes: row.bytes }, view, { signal });
      sum = crc32(view, sum);
      lines += countLines(view);
    }
  } catch (error) {
    if (!isTributaryError(error)) throw error;
    if (error.code === 'TRB-SOURCE-CORRUPT') return found(FINDING_MARKS.differs, 'has other bytes than were written: they do not fit the checksum that the store keeps');
    // The store answers with fewer bytes, or not with this object: it was asked often enough.
    if (error.code.startsWith('TRB-SOURCE-') || error.context.storeCode === 'WrongAnswer') return found(FINDING_MARKS.error, `cannot be read: ${error.message}`);
    throw error;
  }
  if (sum !== row.crc32) return found(FINDING_MARKS.differs, 'has other bytes than were written (CRC32)');
  return lines === row.lines ? null : found(FINDING_MARKS.differs, `has ${lines} lines, and ${row.lines} were written`);
}

function unique(findings: readonly Finding[]): Finding[] {
  return [...new Map(findings.map((finding) => [`${finding.mark} ${finding.uri}`, finding])).values()];
}
