/**
 * Create-once publishing: however often it is tried, and whoever else tries, one object appears at a chunk's key, whole, and a
 * foreign object is never touched.
 *
 * What decides is never an answer alone. Except for a clear success of PutObject, HEAD does: our token, size and CRC mean
 * done; our token with other bytes, diverged; another token, conflict; nothing, try again. (Servers answer 200 to a repeated
 * Complete whose upload is gone, and refusals of large bodies arrive as connection resets.)
 */
import { isTributaryError, TributaryError } from '../contracts/errors.ts';
import type { OutputOptions } from '../contracts/merge.ts';
import { TOKEN_METADATA } from '../contracts/names.ts';
import { contentHash } from '../stores/artefacts.ts';
import type { Clock } from '../stores/clock.ts';
import type { Body, CompleteRequest, ObjectStore, StoredObject } from '../stores/object-store.ts';

export interface ChunkObject {
  readonly bucket: string;
  readonly key: string;
  /** See `chunkToken`. */
  readonly token: string;
}

export interface PublishContext {
  readonly store: ObjectStore;
  /** Whether the store honours `If-None-Match: *`; where it does not, HEAD comes before the write. */
  readonly createOnce: boolean;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** What a chunk has to hold. */
interface Content { readonly sizeBytes: number; readonly crc32: number }

/** How long a completed object may take to become visible: versitygw took 0.2 s. */
const LOOK_AGAIN_MS = [0, 100, 300, 1000, 2000] as const;
/** Tries that end in nothing being there, before that counts as a fault of the store. */
const ROUNDS = 5;

/** Metadata of every object of a run: the user's, and our token. */
export function chunkMetadata(output: OutputOptions, token: string): Readonly<Record<string, string>> {
  return { ...output.metadata, [TOKEN_METADATA]: token };
}

/** The token of a chunk of the group of this directory, in which 16 hex digits of its SHA-256 stand for it. */
export function chunkToken(stamp: string, dir: string, chunk: number): string {
  return `${stamp}/${contentHash(dir).slice(0, 16)}/${chunk}`;
}

/** Whether this run wrote what is at a chunk's key. */
export function isOurs(object: Pick<ChunkObject, 'token'>, there: StoredObject): boolean {
  return there.metadata[TOKEN_METADATA] === object.token;
}

/**
 * Writes a chunk by one PutObject.
 * @returns its ETag
 * @throws TRB-CHUNK-CONFLICT, TRB-CHUNK-DIVERGED, TRB-STORE-FAULT
 */
export async function putOnce(context: PublishContext, object: ChunkObject, body: Body, output: OutputOptions): Promise<string> {
  const { store, createOnce, signal } = context;
  const { bucket, key, token } = object;
  for (let round = 1; ; round += 1) {
    const before = createOnce ? null : await store.head({ bucket, key }, { signal });
    if (before) return judge(object, body, before);
    try {
      const { etag } = await store.put({ bucket, key, body, output, metadata: chunkMetadata(output, token), ...precondition(context) }, { signal });
      return etag;
    } catch (error) {
      if (!isUnclear(error)) throw error;
      const etag = await settle(context, object, body);
      if (etag !== null) return etag;
      if (round >= ROUNDS) throw asFault(object, error);
    }
  }
}

/**
 * Completes a chunk's upload.
 * @returns its ETag, or null where neither the upload nor the object is there: the chunk is to be started again
 * @throws TRB-CHUNK-CONFLICT, TRB-CHUNK-DIVERGED, TRB-STORE-FAULT
 */
export async function completeOnce(context: PublishContext, object: ChunkObject, upload: Omit<CompleteRequest, 'bucket' | 'key' | 'ifNoneMatch'>): Promise<string | null> {
  const { store, createOnce, signal } = context;
  const { bucket, key } = object;
  const abort = (): Promise<void> => store.abortUpload({ bucket, key, uploadId: upload.uploadId }, { signal });
  for (let round = 1; ; round += 1) {
    const before = createOnce ? null : await store.head({ bucket, key }, { signal });
    if (before) {
      const etag = judge(object, upload, before);
      await abort();
      return etag;
    }
    let refusal: TributaryError | null = null;
    try {
      await store.completeUpload({ bucket, key, ...upload, ...precondition(context) }, { signal });
    } catch (error) {
      if (!isUnclear(error)) throw error;
      refusal = error;
    }
    // An earlier attempt may have completed it: a success may be a repeated one, so what is there is looked at in any case.
    const etag = await settle(context, object, upload);
    if (etag !== null) {
      if (refusal) await abort();
      return etag;
    }
    if (!refusal || refusal.code === 'TRB-NO-SUCH-KEY') return null;
    if (refusal.context.httpStatus === 409) {
      // S3 asks for a new upload after a race of writers.
      await abort();
      return null;
    }
    if (round >= ROUNDS) throw asFault(object, refusal);
  }
}

/**
 * The ETag of an object at a chunk's key, where it is this chunk, whole.
 * @throws TRB-CHUNK-CONFLICT, TRB-CHUNK-DIVERGED
 */
export function judge(object: ChunkObject, content: Content, there: StoredObject): string {
  const where = { bucket: object.bucket, key: object.key };
  if (!isOurs(object, there)) {
    throw new TributaryError('TRB-CHUNK-CONFLICT', `an object that this run did not write is at s3://${object.bucket}/${object.key}, where a chunk belongs`, where);
  }
  if (there.sizeBytes !== content.sizeBytes || (there.crc32 !== undefined && there.crc32 !== content.crc32)) {
    throw new TributaryError('TRB-CHUNK-DIVERGED', `the chunk s3://${object.bucket}/${object.key} of this run exists with other bytes than its sources give now`, where);
  }
  return there.etag;
}

function precondition({ createOnce }: PublishContext): { readonly ifNoneMatch?: '*' } {
  return createOnce ? { ifNoneMatch: '*' } : {};
}

/** Whether HEAD has to decide: a refused precondition, an upload that is gone, or a fault of the store. */
function isUnclear(error: unknown): error is TributaryError {
  if (!isTributaryError(error) || error.code === 'TRB-INTERNAL') return false;
  return error.retryable || error.code === 'TRB-CHUNK-CONFLICT' || error.code === 'TRB-NO-SUCH-KEY';
}

async function settle({ store, clock, signal }: PublishContext, object: ChunkObject, content: Content): Promise<string | null> {
  for (const delayMs of LOOK_AGAIN_MS) {
    if (delayMs > 0) await clock.sleep(delayMs, signal);
    const there = await store.head({ bucket: object.bucket, key: object.key }, { signal });
    if (there) return judge(object, content, there);
  }
  return null;
}

function asFault(object: ChunkObject, cause: TributaryError): TributaryError {
  if (cause.retryable) return cause;
  return new TributaryError('TRB-STORE-FAULT', `the store refuses to write s3://${object.bucket}/${object.key}, and shows nothing there: ${cause.message}`,
    { bucket: object.bucket, key: object.key }, { cause });
}
