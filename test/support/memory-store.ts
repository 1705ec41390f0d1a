/**
 * An object store in memory that behaves as S3 does, and misbehaves on demand. It owns buckets, objects and open uploads, and
 * keeps a log of every call.
 *
 * Invariants: an object is seen whole or not at all; keys are listed in UTF-8 byte order; a body whose CRC32 or size is not what was
 * declared is refused and leaves nothing behind; errors are made by the same classifier as those of real stores.
 */
import { createHash } from 'node:crypto';
import { crc32 } from '@node-rs/crc32';
import type { OutputOptions } from '../../src/contracts/merge.ts';
import { classifyStoreError } from '../../src/stores/classify.ts';
import {
  InterruptedRead, type Body, type CallOptions, type CompleteRequest, type ListPage, type ListRequest, type ObjectRef, type ObjectStore, type OpenUpload,
  type PartRequest, type PutRequest, type ReadOptions, type ReadRequest, type ReadResult, type StoredObject, type UploadedPart,
} from '../../src/stores/object-store.ts';
import { type StoreOperation } from '../../src/stores/operations.ts';
import { listingOf } from './memory-listing.ts';

export interface StoreCall {
  readonly operation: StoreOperation;
  readonly bucket: string;
  /** Key or prefix. */
  readonly key?: string;
  readonly request: unknown;
  /** From 0: which call of this operation it is. */
  readonly nth: number;
}

/**
 * What a hook makes of a call: nothing; an error instead of acting; acting, and then an answer that is lost; a read that breaks
 * after so many bytes of the range; or a read of other bytes than the object has.
 */
export type Fault = undefined | Error | 'swallow answer' | 'damage' | { readonly cutAfterBytes: number };

export interface LoggedCall extends StoreCall { readonly outcome: string }

export interface MemoryStoreOptions {
  readonly name?: string;
  readonly buckets?: readonly string[];
  /** Refuses Complete with EntityTooSmall where a part but the last is smaller. Default: 0. */
  readonly minPartBytes?: number;
  /** Whether a repeated Complete succeeds, as on AWS. Default: true. */
  readonly repeatsComplete?: boolean;
  /** Whether `If-None-Match: *` is honoured. Default: true. */
  readonly createOnce?: boolean;
  /** Asked before every call; may wait. */
  readonly onCall?: ((call: StoreCall) => Fault | Promise<Fault>) | undefined;
  readonly nowMs?: () => number;
}

interface StoredBytes { readonly bytes: Buffer; readonly stored: StoredObject; readonly output: OutputOptions | undefined }
interface Upload extends OpenUpload {
  readonly bucket: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly output: OutputOptions | undefined;
  readonly parts: Map<number, UploadedPart & { readonly bytes: Buffer }>;
}

export interface MemoryStore extends ObjectStore {
  readonly log: readonly LoggedCall[];
  /** Replaces the hook. */
  setFault(onCall: MemoryStoreOptions['onCall']): void;
  /** Puts an object there without a call. @returns its ETag */
  seed(bucket: string, key: string, content: string | Uint8Array, metadata?: Readonly<Record<string, string>>): string;
  /** Bytes at a key, without a call. */
  peek(bucket: string, key: string): Buffer | undefined;
  outputOf(bucket: string, key: string): OutputOptions | undefined;
  keys(bucket: string): readonly string[];
  openUploads(): readonly OpenUpload[];
  /** Removes an open upload, as a lifecycle rule would. */
  expireUpload(uploadId: string): void;
}

const RESET = (): Error => Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });

/** What a server would answer; the classifier reads status and code. */
class Answer extends Error {
  readonly httpStatus: number;
  readonly storeCode: string;
  constructor(httpStatus: number, storeCode: string) {
    super(storeCode);
    this.httpStatus = httpStatus;
    this.storeCode = storeCode;
  }
}

export function createMemoryStore(options: MemoryStoreOptions = {}): MemoryStore {
  const { name = 'default', minPartBytes = 0, repeatsComplete = true, createOnce = true, nowMs = Date.now } = options;
  const buckets = new Map<string, Map<string, StoredBytes>>((options.buckets ?? []).map((bucket) => [bucket, new Map()]));
  const uploads = new Map<string, Upload>();
  /** ETag that each finished upload published. */
  const finished = new Map<string, string>();
  const log: LoggedCall[] = [];
  const calls = new Map<StoreOperation, number>();
  let { onCall } = options;
  let nextUpload = 1;

  const objectsOf = (bucket: string): Map<string, StoredBytes> => {
    const objects = buckets.get(bucket);
    if (!objects) throw new Answer(404, 'NoSuchBucket');
    return objects;
  };
  const uploadOf = ({ bucket, key, uploadId }: ObjectRef & { readonly uploadId: string }): Upload => {
    objectsOf(bucket);
    const upload = uploads.get(uploadId);
    if (upload?.bucket !== bucket || upload.key !== key) throw new Answer(404, 'NoSuchUpload');
    return upload;
  };
  const store = (bucket: string, key: string, bytes: Buffer, etag: string, metadata: Readonly<Record<string, string>>, output: OutputOptions | undefined): void => {
    objectsOf(bucket).set(key, {
      bytes, output,
      stored: {
        sizeBytes: bytes.length, etag, modifiedMs: nowMs(), metadata: { ...output?.metadata, ...metadata }, crc32: crc32(bytes),
        ...(output?.contentType === undefined ? {} : { contentType: output.contentType }),
        ...(output?.storageClass === undefined ? {} : { storageClass: output.storageClass }),
      },
    });
  };
  const refuseWhereTaken = (bucket: string, key: string, ifNoneMatch: '*' | undefined): void => {
    if (createOnce && ifNoneMatch !== undefined && objectsOf(bucket).has(key)) throw new Answer(412, 'PreconditionFailed');
  };

  /** One call: log, hook, act, answer; every error goes through the classifier. */
  const call = async <T>(operation: StoreOperation, bucket: string, key: string | undefined, request: unknown, callOptions: CallOptions | undefined, act: (fault: Fault) => T | Promise<T>): Promise<T> => {
    const signal = callOptions?.signal;
    signal?.throwIfAborted();
    const nth = calls.get(operation) ?? 0;
    calls.set(operation, nth + 1);
    const made: StoreCall = { operation, bucket, request, nth, ...(key === undefined ? {} : { key }) };
    const done = (outcome: string): void => {
      log.push({ ...made, outcome });
    };
    try {
      const fault = await untilAborted(Promise.resolve(onCall?.(made)), signal);
      signal?.throwIfAborted();
      if (fault instanceof Error) throw fault;
      const result = await act(fault);
      if (fault === 'swallow answer') throw RESET();
      done('ok');
      return result;
    } catch (error) {
      if (signal?.aborted) {
        done('aborted');
        throw signal.reason;
      }
      const where = { store: name, bucket, key, operation };
      if (error instanceof InterruptedRead) {
        done('interrupted');
        throw new InterruptedRead(error.receivedBytes, classifyStoreError(error.cause, where));
      }
      const classified = classifyStoreError(error, where);
      done(classified.code);
      throw classified;
    }
  };

  return {
    name,
    log,
    list: (request, callOptions) => call('list', request.bucket, request.prefix, request, callOptions, (): ListPage => listPage(objectsOf(request.bucket), request)),
    readInto: (request, into, callOptions) => call('readInto', request.bucket, request.key, request, callOptions, (fault) => read(objectsOf(request.bucket), request, into, fault, callOptions?.landed)),
    get: (ref, callOptions) => call('get', ref.bucket, ref.key, ref, callOptions, () => {
      const found = objectsOf(ref.bucket).get(ref.key);
      if (!found) throw new Answer(404, 'NoSuchKey');
      if (found.bytes.length > (callOptions?.maxBytes ?? 64 * 2 ** 20)) throw new Answer(200, 'WrongAnswer');
      return Buffer.from(found.bytes);
    }),
    head: (ref, callOptions) => call('head', ref.bucket, ref.key, ref, callOptions, () => buckets.get(ref.bucket)?.get(ref.key)?.stored ?? null),
    put: (request, callOptions) => call('put', request.bucket, request.key, request, callOptions, () => {
      objectsOf(request.bucket);
      refuseWhereTaken(request.bucket, request.key, request.ifNoneMatch);
      const bytes = received(request.body);
      const etag = etagOf(bytes);
      store(request.bucket, request.key, bytes, etag, request.metadata ?? {}, (request satisfies PutRequest).output);
      return { etag };
    }),
    putStream: (request, callOptions) => call('putStream', request.bucket, request.key, request, callOptions, async () => {
      const pieces: Uint8Array[] = [];
      for await (const piece of request.content()) pieces.push(piece);
      const bytes = Buffer.concat(pieces);
      store(request.bucket, request.key, bytes, etagOf(bytes), {}, request.output);
    }),
    createUpload: (request, callOptions) => call('createUpload', request.bucket, request.key, request, callOptions, () => {
      objectsOf(request.bucket);
      const uploadId = `upload-${nextUpload++}`;
      uploads.set(uploadId, {
        bucket: request.bucket, key: request.key, uploadId, startedMs: nowMs(), metadata: request.metadata ?? {}, output: request.output, parts: new Map(),
      });
      return { uploadId };
    }),
    uploadPart: (request, callOptions) => call('uploadPart', request.bucket, request.key, request, callOptions, () => {
      const { parts } = uploadOf(request satisfies PartRequest);
      const bytes = received(request.body);
      const etag = etagOf(bytes);
      parts.set(request.partNumber, { partNumber: request.partNumber, sizeBytes: bytes.length, etag, crc32: request.body.crc32, bytes });
      return { etag };
    }),
    listParts: (ref, callOptions) => call('listParts', ref.bucket, ref.key, ref, callOptions, () => {
      const upload = uploads.get(ref.uploadId);
      objectsOf(ref.bucket);
      if (!upload) return null;
      return [...upload.parts.values()].sort((a, b) => a.partNumber - b.partNumber).map(({ bytes: _, ...part }): UploadedPart => part);
    }),
    listUploads: (request, callOptions) => call('listUploads', request.bucket, request.prefix, request, callOptions, () => {
      objectsOf(request.bucket);
      return [...uploads.values()].filter(({ bucket, key }) => bucket === request.bucket && key.startsWith(request.prefix))
        .map(({ key, uploadId, startedMs }): OpenUpload => ({ key, uploadId, startedMs }));
    }),
    completeUpload: (request, callOptions) => call('completeUpload', request.bucket, request.key, request, callOptions, () => {
      const published = finished.get(request.uploadId);
      if (published !== undefined && repeatsComplete) return { etag: published };
      const upload = uploadOf(request);
      refuseWhereTaken(request.bucket, request.key, request.ifNoneMatch);
      const { bytes, etag } = assemble(upload, request, minPartBytes);
      store(request.bucket, request.key, bytes, etag, upload.metadata, upload.output);
      uploads.delete(request.uploadId);
      finished.set(request.uploadId, etag);
      return { etag };
    }),
    abortUpload: (ref, callOptions) => call('abortUpload', ref.bucket, ref.key, ref, callOptions, () => {
      objectsOf(ref.bucket);
      uploads.delete(ref.uploadId);
    }),
    delete: (ref, callOptions) => call('delete', ref.bucket, ref.key, ref, callOptions, () => {
      objectsOf(ref.bucket).delete(ref.key);
    }),
    headBucket: (bucket, callOptions) => call('headBucket', bucket, undefined, bucket, callOptions, () => {
      objectsOf(bucket);
    }),
    createBucket: (bucket, callOptions) => call('createBucket', bucket, undefined, bucket, callOptions, () => {
      if (!buckets.has(bucket)) buckets.set(bucket, new Map());
    }),
    close: () => undefined,

    setFault: (hook) => {
      onCall = hook;
    },
    seed: (bucket, key, content, metadata = {}) => {
      if (!buckets.has(bucket)) buckets.set(bucket, new Map());
      const bytes = Buffer.from(content as Uint8Array);
      const etag = etagOf(bytes);
      store(bucket, key, bytes, etag, metadata, undefined);
      return etag;
    },
    peek: (bucket, key) => buckets.get(bucket)?.get(key)?.bytes,
    outputOf: (bucket, key) => buckets.get(bucket)?.get(key)?.output,
    keys: (bucket) => listingOf(buckets.get(bucket) ?? new Map<string, unknown>()),
    openUploads: () => [...uploads.values()].map(({ key, uploadId, startedMs }) => ({ key, uploadId, startedMs })),
    expireUpload: (uploadId) => {
      uploads.delete(uploadId);
    },
  };
}

function listPage(objects: ReadonlyMap<string, StoredBytes>, request: ListRequest): ListPage {
  const { prefix, delimiter, maxKeys = 1000, startAfter, continuationToken } = request;
  const after = continuationToken === undefined ? startAfter : Buffer.from(continuationToken, 'base64').toString();
  const page = { objects: [] as { key: string; sizeBytes: number; etag: string; modifiedMs: number }[], prefixes: [] as string[] };
  let lastTaken: string | undefined;
  for (const key of listingOf(objects)) {
    if (!key.startsWith(prefix)) continue;
    const cut = delimiter === undefined ? -1 : key.indexOf(delimiter, prefix.length);
    const entry = cut < 0 ? key : key.slice(0, cut + 1);
    if (after !== undefined && Buffer.compare(Buffer.from(entry), Buffer.from(after)) <= 0) continue;
    if (entry === page.prefixes.at(-1)) continue;
    if (page.objects.length + page.prefixes.length === Math.min(maxKeys, 1000)) {
      return { ...page, next: Buffer.from(lastTaken ?? '').toString('base64') };
    }
    const found = objects.get(key);
    if (cut >= 0) page.prefixes.push(entry);
    else if (found) page.objects.push({ key, sizeBytes: found.stored.sizeBytes, etag: found.stored.etag, modifiedMs: found.stored.modifiedMs });
    lastTaken = entry;
  }
  return page;
}

function read(objects: ReadonlyMap<string, StoredBytes>, request: ReadRequest, into: Uint8Array, fault: Fault, landed: ReadOptions['landed']): ReadResult {
  const found = objects.get(request.key);
  if (!found) throw new Answer(404, 'NoSuchKey');
  if (found.stored.etag !== request.ifMatch) throw new Answer(412, 'PreconditionFailed');
  const { offset, lengthBytes, sizeBytes } = request;
  if (sizeBytes !== found.bytes.length || lengthBytes < 1 || offset + lengthBytes > sizeBytes) throw new Answer(416, 'InvalidRange');
  if (into.byteLength < lengthBytes) throw new RangeError(`${into.byteLength} bytes of room for ${lengthBytes}`);
  if (typeof fault === 'object' && 'cutAfterBytes' in fault && fault.cutAfterBytes < lengthBytes) {
    land(found.bytes.subarray(offset, offset + fault.cutAfterBytes), into, landed);
    throw fault.cutAfterBytes === 0 ? RESET() : new InterruptedRead(fault.cutAfterBytes, RESET());
  }
  const wanted = found.bytes.subarray(offset, offset + lengthBytes);
  land(fault === 'damage' ? Buffer.alloc(lengthBytes, '\n') : wanted, into, landed);
  return lengthBytes === sizeBytes && found.stored.crc32 !== undefined ? { objectCrc32: found.stored.crc32 } : {};
}

/** As bytes come from a socket: some at a time, and never twice as many. */
function land(bytes: Uint8Array, into: Uint8Array, landed: ReadOptions['landed']): void {
  for (let at = 0, step = 1; at < bytes.byteLength; step = (step * 7 + 11) % 300_007) {
    const end = Math.min(at + step, bytes.byteLength);
    into.set(bytes.subarray(at, end), at);
    landed?.(into.byteOffset + at, into.byteOffset + end);
    at = end;
  }
}

function received(body: Body): Buffer {
  const bytes = Buffer.concat(body.views);
  if (bytes.length !== body.sizeBytes) throw new Answer(400, 'IncompleteBody');
  if (crc32(bytes) !== body.crc32 >>> 0) throw new Answer(400, 'BadDigest');
  return bytes;
}

function assemble(upload: Upload, request: CompleteRequest, minPartBytes: number): { bytes: Buffer; etag: string } {
  const chosen = request.parts.map(({ partNumber, etag, crc32: declared }, index) => {
    const part = upload.parts.get(partNumber);
    if (part?.etag !== etag || part.crc32 !== declared) throw new Answer(400, 'InvalidPart');
    if (index > 0 && (request.parts[index - 1]?.partNumber ?? 0) >= partNumber) throw new Answer(400, 'InvalidPartOrder');
    if (index < request.parts.length - 1 && part.sizeBytes < minPartBytes) throw new Answer(400, 'EntityTooSmall');
    return part;
  });
  if (chosen.length === 0) throw new Answer(400, 'MalformedXML');
  const bytes = Buffer.concat(chosen.map((part) => part.bytes));
  if (bytes.length !== request.sizeBytes) throw new Answer(400, 'InvalidRequest');
  if (crc32(bytes) !== request.crc32 >>> 0) throw new Answer(400, 'BadDigest');
  const digests = Buffer.concat(chosen.map((part) => createHash('md5').update(part.bytes).digest()));
  return { bytes, etag: `"${createHash('md5').update(digests).digest('hex')}-${chosen.length}"` };
}

function etagOf(bytes: Buffer): string {
  return `"${createHash('md5').update(bytes).digest('hex')}"`;
}

async function untilAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work;
  let onAbort: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => {
      reject(signal.reason as Error);
    };
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    if (onAbort) signal.removeEventListener('abort', onAbort);
  }
}
