/**
 * An S3 in memory that hashes nothing: sources are made up as they are read, and of what is written only lengths are kept, but for control
 * data, and for what `keepsContent` asks for. It checks neither signatures nor checksums.
 *
 * What it owes its clients is right: listing in UTF-8 order, ranges, `If-Match`, `If-None-Match: *` on PutObject and Complete, parts and
 * their CRCs as they were declared. Keys are those of the bench: nothing in them is changed by encoding.
 */
import { CONTROL_FOLDER, TOKEN_METADATA } from '../src/contracts/names.ts';
import type { Contents, DataSet } from './data-sets.ts';
import { sourcesOf } from './data-sets.ts';
import { headOf, type Answer, type Request, type Service } from './lean-http.ts';
import { errorAnswer, listAnswer, partsAnswer, uploadsAnswer, xmlAnswer } from './lean-xml.ts';

export interface Stored {
  readonly key: string;
  readonly sizeBytes: number;
  readonly etag: string;
  /** Header lines that came with it and go out with it. */
  readonly headers: string;
  /** Bytes `[from, to)`; null where only the length was kept. */
  readonly read: ((from: number, to: number) => Iterable<Uint8Array>) | null;
}

export interface StoredPart { readonly partNumber: number; readonly etag: string; readonly sizeBytes: number; readonly crc32: string; readonly content: Buffer | null }

export interface Upload { readonly bucket: string; readonly key: string; readonly id: string; readonly headers: string; readonly parts: Map<number, StoredPart> }

const LAST_MODIFIED = 'Last-Modified: Wed, 28 Jan 2026 09:00:00 GMT\r\n';
/** Answers up to this size are kept ready. */
const READY_BYTES = 64 * 1024;

export class LeanStore implements Service {
  /** Whether what is written to the target is kept, to be read again. */
  keepsContent = false;
  readonly #buckets = new Map<string, Map<string, Stored>>();
  readonly #sorted = new Map<string, readonly Stored[]>();
  readonly #uploads = new Map<string, Upload>();
  /** By request path. */
  readonly #ready = new Map<string, { readonly etag: string; readonly answer: Buffer }>();
  #count = 0;

  addBucket(bucket: string): void {
    if (!this.#buckets.has(bucket)) this.#buckets.set(bucket, new Map());
  }

  /** @returns the ETag of each variant */
  addSources(bucket: string, set: DataSet, contents: Contents): readonly string[] {
    this.addBucket(bucket);
    const variants = new Map<number, { readonly stored: Omit<Stored, 'key'>; readonly ready: Buffer | null }>();
    for (const { key, variant } of sourcesOf(set)) {
      let made = variants.get(variant);
      if (!made) variants.set(variant, made = makeVariant(set, contents, variant));
      this.#put(bucket, { key, ...made.stored });
      if (made.ready) this.#ready.set(`/${bucket}/${key}`, { etag: made.stored.etag, answer: made.ready });
    }
    return [...variants.values()].map(({ stored }) => stored.etag);
  }

  /** Forgets what is under a prefix, uploads included. */
  clear(bucket: string, prefix: string): void {
    const objects = this.#bucket(bucket);
    for (const key of objects.keys()) if (key.startsWith(prefix)) objects.delete(key);
    for (const [id, upload] of this.#uploads) if (upload.bucket === bucket && upload.key.startsWith(prefix)) this.#uploads.delete(id);
    this.#sorted.delete(bucket);
  }

  quick(request: Request): Buffer | undefined {
    if (request.method !== 'GET') return undefined;
    const ready = this.#ready.get(request.path);
    if (!ready || request.query !== '' || request.header('range') !== undefined) return undefined;
    const wanted = request.header('if-match');
    return wanted === undefined || wanted === ready.etag ? ready.answer : undefined;
  }

  keepsBody({ method, path }: Request): boolean {
    return this.keepsContent || method === 'POST' || path.includes(`/${CONTROL_FOLDER}`);
  }

  answer(request: Request, bodyBytes: number, body: Buffer): Answer {
    const slash = request.path.indexOf('/', 1);
    const bucket = slash < 0 ? request.path.slice(1) : request.path.slice(1, slash);
    const key = slash < 0 ? '' : decodeURIComponent(request.path.slice(slash + 1));
    const query = new URLSearchParams(request.query);
    if (request.method === 'PUT' && key === '') {
      this.addBucket(bucket);
      return { status: 200 };
    }
    if (!this.#buckets.has(bucket)) return errorAnswer(404, 'NoSuchBucket');
    if (key === '') return this.#answerBucket(request, bucket, query);
    const uploadId = query.get('uploadId');
    if (uploadId !== null) return this.#answerUpload(request, uploadId, query, bodyBytes, body);
    switch (request.method) {
      case 'GET': case 'HEAD': return read(request, this.#bucket(bucket).get(key));
      case 'PUT': return this.#create(request, { bucket, key, sizeBytes: bodyBytes, headers: keptHeaders(request), contents: this.keepsBody(request) ? [body] : null });
      case 'POST': return this.#begin(request, bucket, key);
      case 'DELETE':
        this.clearKey(bucket, key);
        return { status: 204 };
      default: return errorAnswer(501, 'NotImplemented');
    }
  }

  clearKey(bucket: string, key: string): void {
    if (this.#bucket(bucket).delete(key)) this.#sorted.delete(bucket);
  }

  #answerBucket({ method }: Request, bucket: string, query: URLSearchParams): Answer {
    if (method === 'HEAD') return { status: 200 };
    if (method !== 'GET') return errorAnswer(501, 'NotImplemented');
    if (query.has('uploads')) {
      const prefix = query.get('prefix') ?? '';
      return uploadsAnswer([...this.#uploads.values()].filter((upload) => upload.bucket === bucket && upload.key.startsWith(prefix)));
    }
    return listAnswer(this.#inOrder(bucket), query);
  }

  #answerUpload(request: Request, id: string, query: URLSearchParams, bodyBytes: number, body: Buffer): Answer {
    const upload = this.#uploads.get(id);
    if (!upload) return errorAnswer(404, 'NoSuchUpload');
    switch (request.method) {
      case 'GET': return partsAnswer(upload);
      case 'DELETE':
        this.#uploads.delete(id);
        return { status: 204 };
      case 'PUT': {
        const partNumber = Number(query.get('partNumber'));
        const etag = this.#etag();
        const content = this.keepsBody(request) ? body : null;
        upload.parts.set(partNumber, { partNumber, etag, sizeBytes: bodyBytes, crc32: request.header('x-amz-checksum-crc32') ?? '', content });
        return { status: 200, headers: `ETag: ${etag}\r\n` };
      }
      default: return this.#complete(request, upload, body);
    }
  }

  #begin(request: Request, bucket: string, key: string): Answer {
    this.#count += 1;
    const id = `upload-${this.#count}`;
    this.#uploads.set(id, { bucket, key, id, headers: keptHeaders(request), parts: new Map() });
    return xmlAnswer(200, `<InitiateMultipartUploadResult><Bucket>${bucket}</Bucket><Key>${key}</Key><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`);
  }

  #complete(request: Request, { bucket, key, id, headers, parts }: Upload, body: Buffer): Answer {
    const named = [...body.toString().matchAll(/<PartNumber>(\d+)<\/PartNumber>/g)].map(([, number]) => parts.get(Number(number)));
    if (named.length === 0 || named.some((part) => part === undefined)) return errorAnswer(400, 'InvalidPart');
    const whole = named.filter((part) => part !== undefined);
    const kept = whole.map(({ content }) => content);
    const crc32 = request.header('x-amz-checksum-crc32');
    const answer = this.#create(request, {
      bucket, key, sizeBytes: whole.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
      headers: crc32 === undefined ? headers : `${headers}x-amz-checksum-crc32: ${crc32}\r\nx-amz-checksum-type: FULL_OBJECT\r\n`,
      contents: kept.every((content) => content !== null) ? kept : null,
    });
    if (answer.status !== 200) return answer;
    this.#uploads.delete(id);
    return xmlAnswer(200, `<CompleteMultipartUploadResult><Key>${key}</Key><ETag>${this.#bucket(bucket).get(key)?.etag ?? ''}</ETag></CompleteMultipartUploadResult>`);
  }

  #create(request: Request, made: { bucket: string; key: string; sizeBytes: number; headers: string; contents: readonly Buffer[] | null }): Answer {
    const { bucket, key, sizeBytes, headers, contents } = made;
    if (request.header('if-none-match') === '*' && this.#bucket(bucket).has(key)) return errorAnswer(412, 'PreconditionFailed');
    const etag = this.#etag();
    this.#put(bucket, { key, sizeBytes, etag, headers, read: contents && ((from, to) => readerOf(contents, from, to)) });
    return { status: 200, headers: `ETag: ${etag}\r\n` };
  }

  #put(bucket: string, stored: Stored): void {
    const objects = this.#bucket(bucket);
    objects.set(stored.key, stored);
    this.#sorted.delete(bucket);
  }

  #bucket(bucket: string): Map<string, Stored> {
    const objects = this.#buckets.get(bucket);
    if (!objects) throw new Error(`there is no bucket ${bucket}`);
    return objects;
  }

  #inOrder(bucket: string): readonly Stored[] {
    let sorted = this.#sorted.get(bucket);
    if (!sorted) this.#sorted.set(bucket, sorted = [...this.#bucket(bucket).values()].sort((a, b) => (a.key < b.key ? -1 : 1)));
    return sorted;
  }

  #etag(): string {
    this.#count += 1;
    return `"${this.#count.toString(16).padStart(32, '0')}"`;
  }
}

/** Where answers to reads of small sources are always the same, they are made before. */
function makeVariant(set: DataSet, contents: Contents, variant: number): { readonly stored: Omit<Stored, 'key'>; readonly ready: Buffer | null } {
  const etag = `"${(variant + 1).toString(16).padStart(32, 'f')}"`;
  const whole = set.gzip ? contents.stored(variant) : null;
  const sizeBytes = whole ? whole.length : set.objectBytes;
  const read = whole ? (from: number, to: number) => [whole.subarray(from, to)] : (from: number, to: number) => contents.slices(variant, from, to);
  const headers = 'Content-Type: binary/octet-stream\r\n';
  const stored = { sizeBytes, etag, headers, read };
  const ready = sizeBytes > READY_BYTES ? null
    : Buffer.concat([Buffer.from(headOf({ status: 200, headers: objectHeaders(stored), sizeBytes })), ...read(0, sizeBytes)]);
  return { stored, ready };
}

function read(request: Request, stored: Stored | undefined): Answer {
  if (!stored) return errorAnswer(404, 'NoSuchKey', request.method);
  const wanted = request.header('if-match');
  if (wanted !== undefined && wanted !== stored.etag) return errorAnswer(412, 'PreconditionFailed', request.method);
  if (request.method === 'HEAD') return { status: 200, headers: objectHeaders(stored), sizeBytes: stored.sizeBytes };
  if (!stored.read) return errorAnswer(500, 'OnlyTheLengthWasKept');
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.header('range') ?? '');
  if (!range) return { status: 200, headers: objectHeaders(stored), body: stored.read(0, stored.sizeBytes), sizeBytes: stored.sizeBytes };
  const from = Number(range[1]);
  const to = Math.min(stored.sizeBytes, range[2] === '' ? Infinity : Number(range[2]) + 1);
  if (from >= to) return errorAnswer(416, 'InvalidRange');
  return {
    status: 206, headers: `${objectHeaders(stored)}Content-Range: bytes ${from}-${to - 1}/${stored.sizeBytes}\r\n`, body: stored.read(from, to), sizeBytes: to - from,
  };
}

function objectHeaders({ etag, headers }: Pick<Stored, 'etag' | 'headers'>): string {
  return `${LAST_MODIFIED}ETag: ${etag}\r\nAccept-Ranges: bytes\r\n${headers}`;
}

/** The metadata of a write, and its type and checksum, as they are sent back. */
function keptHeaders(request: Request): string {
  const names = ['content-type', 'x-amz-checksum-crc32', `x-amz-meta-${TOKEN_METADATA}`];
  return names.map((name) => [name, request.header(name)] as const).filter(([, value]) => value !== undefined).map(([name, value]) => `${name}: ${value ?? ''}\r\n`).join('');
}

function* readerOf(contents: readonly Buffer[], from: number, to: number): Generator<Buffer> {
  let at = 0;
  for (const content of contents) {
    const part = content.subarray(Math.max(0, from - at), Math.max(0, to - at));
    at += content.length;
    if (part.length > 0) yield part;
  }
}
