/** Finds out what a store can be relied on for, by trying it on a key of its own. */
import { randomUUID } from 'node:crypto';
import { isTributaryError } from '../contracts/errors.ts';
import { bodyOf } from './body.ts';
import type { CallOptions, ObjectRef, ObjectStore, StoreCapabilities } from './object-store.ts';

/**
 * Writes a probe under `prefix` twice with `If-None-Match: *`, once more by a multipart upload, and deletes it. A store that takes a
 * second write ignores the precondition: then `createOnce` is false.
 * @throws what a write throws: a store that cannot be written is no question of capabilities
 */
export async function probeCapabilities(store: ObjectStore, bucket: string, prefix: string, signal?: AbortSignal): Promise<StoreCapabilities> {
  const ref: ObjectRef = { bucket, key: `${prefix}probe-${randomUUID()}` };
  const options: CallOptions = { signal };
  const put = (): Promise<unknown> => store.put({ ...ref, body: bodyOf('tributary'), ifNoneMatch: '*' }, options);
  // The first is refused only where its answer was lost and it was sent again.
  const firstRefused = await isRefused(put);
  try {
    const createOnce = firstRefused || await isRefused(put);
    return { createOnce: createOnce && await refusesComplete(store, ref, options) };
  } finally {
    await removeProbe(store, ref, options);
  }
}

/** Completions whose upload was gone, so that nobody can say whether they were refused. */
const LOST_ANSWERS = 3;

async function refusesComplete(store: ObjectStore, ref: ObjectRef, options: CallOptions): Promise<boolean> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await refusesOneComplete(store, ref, options);
    } catch (error) {
      if (!isTributaryError(error) || error.code !== 'TRB-NO-SUCH-KEY') throw error;
      // Gone again and again: it was carried out, although something was there.
      if (tries === LOST_ANSWERS) return false;
    }
  }
}

async function refusesOneComplete(store: ObjectStore, ref: ObjectRef, options: CallOptions): Promise<boolean> {
  const body = bodyOf('tributary');
  const { uploadId } = await store.createUpload(ref, options);
  try {
    const { etag } = await store.uploadPart({ ...ref, uploadId, partNumber: 1, body }, options);
    const parts = [{ partNumber: 1, etag, crc32: body.crc32 }];
    return await isRefused(() => store.completeUpload({ ...ref, uploadId, parts, sizeBytes: body.sizeBytes, crc32: body.crc32, ifNoneMatch: '*' }, options));
  } finally {
    await store.abortUpload({ ...ref, uploadId }, options);
  }
}

async function isRefused(write: () => Promise<unknown>): Promise<boolean> {
  try {
    await write();
    return false;
  } catch (error) {
    if (isTributaryError(error) && error.code === 'TRB-CHUNK-CONFLICT') return true;
    throw error;
  }
}

async function removeProbe(store: ObjectStore, ref: ObjectRef, options: CallOptions): Promise<void> {
  try {
    await store.delete(ref, options);
  } catch (error) {
    // A run needs no permission to delete: without it, the probe stays among the control data.
    if (!isTributaryError(error) || error.code !== 'TRB-ACCESS-DENIED') throw error;
  }
}
