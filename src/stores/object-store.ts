/**
 * The port to an S3 service. Everything outside `src/stores` sees this and nothing of any SDK.
 *
 * Guarantees of every adapter:
 * - Errors are `TributaryError`s with store, bucket, key, operation, HTTP status and the store's own code in their context.
 * - One call is one request, tried once (but `putStream`, and lists of parts and uploads over several pages); `withRetries` adds retries. An aborted call rejects with `signal.reason`.
 * - Bodies that are written have a known length and a CRC32 header; bodies that are read have the length that was asked for,
 *   or the call fails.
 * - Keys are taken and returned byte for byte.
 */
import type { OutputOptions } from '../contracts/merge.ts';

export interface CallOptions { readonly signal?: AbortSignal | undefined }

export interface ReadOptions extends CallOptions {
  /**
   * Told of bytes that were written into `into`, right after they were: by offsets `[start, end)` into the memory that `into` is a view of.
   * In order and without gaps from the start; what is written once more is told once more.
   */
  readonly landed?: ((start: number, end: number) => void) | undefined;
}

/** Of an object that `get` reads, where the caller does not say it. */
export const MAX_GET_BYTES = 64 * 2 ** 20;
/** How long a store may be silent while it completes an upload: many seconds for each GiB. */
export const COMPLETE_SILENCE_MS = 900_000;

export interface ObjectRef { readonly bucket: string; readonly key: string }

export interface ListRequest {
  readonly bucket: string;
  readonly prefix: string;
  /** Keys after this one, in UTF-8 byte order; for the first page. */
  readonly startAfter?: string | undefined;
  readonly continuationToken?: string | undefined;
  /** At most 1000, which is the default. */
  readonly maxKeys?: number | undefined;
  /** With `/`: keys that have it after the prefix are folded into `prefixes`. */
  readonly delimiter?: string | undefined;
}

export interface ListedObject {
  readonly key: string;
  readonly sizeBytes: number;
  /** As the store gave it, quotes included. Opaque. */
  readonly etag: string;
  readonly modifiedMs: number;
}

export interface ListPage {
  readonly objects: readonly ListedObject[];
  readonly prefixes: readonly string[];
  /** Absent on the last page. */
  readonly next?: string;
}

export interface ReadRequest extends ObjectRef {
  /** The version to read: any other answer is TRB-SOURCE-CHANGED. */
  readonly ifMatch: string;
  /** First byte to read. */
  readonly offset: number;
  /** Bytes to read, at least 1: the length of the range, which never reaches past the object's end. */
  readonly lengthBytes: number;
  /** Listed size of the object. A read of all of it is asked for without a Range header. */
  readonly sizeBytes: number;
}

export interface ReadResult {
  /** CRC32 of the whole object as the store keeps it, where it said so (`x-amz-checksum-crc32` of type FULL_OBJECT or of a single part). */
  readonly objectCrc32?: number;
}

/**
 * A read that broke: `receivedBytes` bytes from the start of the range are in the buffer and right. The cause is the error.
 * Thrown by `readInto` only where at least one byte had been received.
 */
export class InterruptedRead extends Error {
  override readonly name = 'InterruptedRead';
  readonly receivedBytes: number;
  constructor(receivedBytes: number, cause: unknown) {
    super(`the read broke after ${receivedBytes} bytes`, { cause });
    this.receivedBytes = receivedBytes;
  }
}

export interface StoredObject {
  readonly sizeBytes: number;
  readonly etag: string;
  readonly modifiedMs: number;
  readonly metadata: Readonly<Record<string, string>>;
  /** Full-object CRC32, where the store keeps one. */
  readonly crc32?: number;
  readonly contentType?: string;
  readonly storageClass?: string;
}

/** Bytes to send: views that are sent one after another, without being copied. */
export interface Body {
  readonly views: readonly Uint8Array[];
  readonly sizeBytes: number;
  /** CRC32 of all of it. */
  readonly crc32: number;
}

export interface PutRequest extends ObjectRef {
  readonly body: Body;
  /** `*`: write only if nothing is there. A refusal is TRB-CHUNK-CONFLICT with httpStatus 412 (or 409 where writers race). */
  readonly ifNoneMatch?: '*';
  readonly output?: OutputOptions;
  readonly metadata?: Readonly<Record<string, string>>;
}

export interface StreamRequest extends ObjectRef {
  /** The bytes from their start; asked again for each try. */
  readonly content: () => AsyncIterable<Uint8Array>;
  readonly output?: OutputOptions;
}

export interface CreateUploadRequest extends ObjectRef {
  readonly output?: OutputOptions;
  readonly metadata?: Readonly<Record<string, string>>;
}

export interface PartRequest extends ObjectRef {
  readonly uploadId: string;
  /** From 1. */
  readonly partNumber: number;
  readonly body: Body;
}

export interface UploadedPart {
  readonly partNumber: number;
  readonly sizeBytes: number;
  readonly etag: string;
  /** Absent where the store does not list it: such a part is not to be trusted. */
  readonly crc32?: number;
}

export interface OpenUpload { readonly key: string; readonly uploadId: string; readonly startedMs: number }

export interface CompleteRequest extends ObjectRef {
  readonly uploadId: string;
  /** In ascending order. */
  readonly parts: readonly { readonly partNumber: number; readonly etag: string; readonly crc32: number }[];
  readonly sizeBytes: number;
  /** Of the whole object. */
  readonly crc32: number;
  readonly ifNoneMatch?: '*';
}

export interface ObjectStore {
  /** The name that runs know it by. */
  readonly name: string;

  /** One page of ListObjectsV2, in UTF-8 byte order of keys. @throws TRB-NO-SUCH-BUCKET */
  list(request: ListRequest, options?: CallOptions): Promise<ListPage>;

  /**
   * Reads a range into `into`, which has room for it; the bytes land there and nowhere else. Resolves when all of it has arrived.
   * @throws TRB-SOURCE-CHANGED (412), TRB-SOURCE-GONE (404), TRB-SOURCE-DENIED (403); InterruptedRead when it breaks after its first byte
   */
  readInto(request: ReadRequest, into: Uint8Array, options?: ReadOptions): Promise<ReadResult>;

  /** A whole small object, for control artefacts. @throws TRB-NO-SUCH-KEY; TRB-STORE-FAULT where it is larger than `maxBytes` (default 64 MiB) */
  get(ref: ObjectRef, options?: CallOptions & { readonly maxBytes?: number }): Promise<Buffer>;

  /** What is at a key, or null. */
  head(ref: ObjectRef, options?: CallOptions): Promise<StoredObject | null>;

  put(request: PutRequest, options?: CallOptions): Promise<{ readonly etag: string }>;

  /**
   * Writes an object whose length nobody knows before its end: whole or not at all, in place of what is there. Several requests, which hold
   * two parts of 5 MiB at most. For control artefacts: it can neither be resumed nor adopted.
   */
  putStream(request: StreamRequest, options?: CallOptions): Promise<void>;

  /** With checksum algorithm CRC32 and type FULL_OBJECT, so that ListParts shows each part's CRC. */
  createUpload(request: CreateUploadRequest, options?: CallOptions): Promise<{ readonly uploadId: string }>;

  /** Idempotent: sending a part again replaces it. @throws TRB-NO-SUCH-KEY where the upload is gone (NoSuchUpload) */
  uploadPart(request: PartRequest, options?: CallOptions): Promise<{ readonly etag: string }>;

  /** Every part, ascending, over all pages; null where the upload is gone. */
  listParts(ref: ObjectRef & { readonly uploadId: string }, options?: CallOptions): Promise<readonly UploadedPart[] | null>;

  /** Open uploads of keys that start with `prefix`, over all pages. */
  listUploads(request: { readonly bucket: string; readonly prefix: string }, options?: CallOptions): Promise<readonly OpenUpload[]>;

  /**
   * One try to complete. An answer that is no clear success or refusal is for the caller to settle by `head`.
   * @throws TRB-CHUNK-CONFLICT (412, 409), TRB-NO-SUCH-KEY (NoSuchUpload), TRB-STORE-FAULT (also an error inside a 200)
   */
  completeUpload(request: CompleteRequest, options?: CallOptions): Promise<{ readonly etag: string }>;

  /** Also succeeds where the upload is gone already. */
  abortUpload(ref: ObjectRef & { readonly uploadId: string }, options?: CallOptions): Promise<void>;

  /** Also succeeds where the object is gone already. */
  delete(ref: ObjectRef, options?: CallOptions): Promise<void>;

  /** @throws TRB-NO-SUCH-BUCKET, TRB-ACCESS-DENIED, TRB-BAD-CREDENTIALS, TRB-STORE-UNREACHABLE */
  headBucket(bucket: string, options?: CallOptions): Promise<void>;

  createBucket(bucket: string, options?: CallOptions): Promise<void>;

  /** Closes every connection. No call is made afterwards. */
  close(): void;
}

/** What a store can be relied on for; found by a probe (`probe.ts`), or set in the configuration. */
export interface StoreCapabilities {
  /** Whether `If-None-Match: *` is honoured by PutObject and CompleteMultipartUpload. */
  readonly createOnce: boolean;
}
