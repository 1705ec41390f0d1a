/**
 * Create-once publishing: however often it is tried, and whoever else tries, one object appears at a chunk's key, whole, and a
 * foreign object is never touched.
 *
 * What decides is never an answer alone. Except for a clear success of the first try, HEAD does: our token, size and CRC mean
 * done; our token with other bytes, diverged; another token, conflict; nothing, try again. (Servers answer 200 to a repeated
 * Complete whose upload is gone, and refusals of large bodies arrive as connection resets.)
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { isTributaryError, TributaryError } from '../contracts/errors.ts';
import type { OutputOptions } from '../contracts/merge.ts';
import { TOKEN_METADATA } from '../contracts/names.ts';
import type { Body, CompleteRequest, ObjectStore, StoredObject } from '../stores/object-store.ts';

export interface ChunkObject {
  readonly bucket: string;
  readonly key: string;
  /** `<stamp>/<group hash>/<chunk>` */
  readonly token: string;
}

export interface PublishContext {
  readonly store: ObjectStore;
  /** Whether the store honours `If-None-Match: *`; where it does not, HEAD comes before the write. */
  readonly createOnce: boolean;
  readonly signal: AbortSignal;
}

/** How long a completed object may take to become visible: versitygw took 0.2 s. */
const LOOK_AGAIN_MS = [0, 100, 300, 1000, 2000] as const;

/** Metadata of every object of a run: the user's, and our token. */
export function chunkMetadata(output: OutputOptions, token: string): Readonly<Record<string, string>> {
  return { ...output.metadata, [TOKEN_METADATA]: token };
}

/**
 * Writes a chunk by one PutObject.
 * @returns its ETag
 * @throws TRB-CHUNK-CONFLICT, TRB-CHUNK-DIVERGED
 */
export async function putOnce(context: PublishContext, object: ChunkObject, body: Body, output: OutputOptions): Promise<string> {
  const { store, createOnce, signal } = context;
  const content = { sizeBytes: body.sizeBytes, crc32: body.crc32 };
  for (;;) {
    if (!createOnce) {
      const there = await store.head(object, { signal });
      if (there) return judge(object, content, there);
    }
    try {
      const { etag } = await store.put({
        bucket: object.bucket, key: object.key, body, output, metadata: chunkMetadata(output, object.token), ...(createOnce ? { ifNoneMatch: '*' as const } : {}),
      }, { signal });
      return etag;
    } catch (error) {
      if (!isUnclear(error)) throw error;
    }
    const settled = await settle(context, object, content);
    if (settled !== null) return settled;
  }
}

/**
 * Completes a chunk's upload.
 * @returns its ETag, or null where neither the upload nor the object exists (or 409 said so): the chunk is to be started again
 * @throws TRB-CHUNK-CONFLICT, TRB-CHUNK-DIVERGED
 */
export async function completeOnce(context: PublishContext, object: ChunkObject, upload: Omit<CompleteRequest, 'bucket' | 'key' | 'ifNoneMatch'>): Promise<string | null> {
  const { store, createOnce, signal } = context;
  if (!createOnce) {
    const there = await store.head(object, { signal });
    if (there) return judge(object, upload, there);
  }
  let refused = false;
  try {
    await store.completeUpload({ bucket: object.bucket, key: object.key, ...upload, ...(createOnce ? { ifNoneMatch: '*' as const } : {}) }, { signal });
  } catch (error) {
    if (!isUnclear(error)) throw error;
    refused = true;
  }
  // Retries below us make a first success and a repeated one look alike, so a completed upload is looked at in any case.
  const etag = await settle(context, object, upload);
  if (refused && etag !== null) await store.abortUpload({ ...object, uploadId: upload.uploadId }, { signal });
  return etag;
}

/** Whether HEAD has to decide: a refused precondition, an upload that is gone, or a fault of the store. */
function isUnclear(error: unknown): boolean {
  return isTributaryError(error) && (error.retryable || error.code === 'TRB-CHUNK-CONFLICT' || error.code === 'TRB-NO-SUCH-KEY');
}

async function settle(context: PublishContext, object: ChunkObject, content: { readonly sizeBytes: number; readonly crc32: number }): Promise<string | null> {
  for (const delayMs of LOOK_AGAIN_MS) {
    await sleep(delayMs, undefined, { signal: context.signal });
    const there = await context.store.head(object, { signal: context.signal });
    if (there) return judge(object, content, there);
  }
  return null;
}

/** The ETag of the object where it is this chunk, whole. */
function judge(object: ChunkObject, content: { readonly sizeBytes: number; readonly crc32: number }, there: StoredObject): string {
  const where = { bucket: object.bucket, key: object.key };
  if (there.metadata[TOKEN_METADATA] !== object.token) {
    throw new TributaryError('TRB-CHUNK-CONFLICT', `an object that this run did not write is at s3://${object.bucket}/${object.key}, where a chunk belongs`, where);
  }
  if (there.sizeBytes !== content.sizeBytes || (there.crc32 !== undefined && there.crc32 !== content.crc32)) {
    throw new TributaryError('TRB-CHUNK-DIVERGED', `the chunk s3://${object.bucket}/${object.key} of this run exists with other bytes than its sources give now`, where);
  }
  return there.etag;
}
