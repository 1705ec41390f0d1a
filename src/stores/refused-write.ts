/**
 * What became of a write whose answer did not come. A refused PUT often arrives as a broken connection, because the server answers
 * before it has read the body: so the same question is asked without a body, before it is called a network error. A Complete may have
 * been carried out, and some servers answer a repeated one with success although the upload is gone: so it is repeated only while the
 * upload is there.
 */
import { isTributaryError, TributaryError } from '../contracts/errors.ts';
import type { CallOptions, ObjectRef, ObjectStore, PartRequest, PutRequest } from './object-store.ts';

/** The verbs that ask. */
export type Asking = Pick<ObjectStore, 'name' | 'head' | 'listParts' | 'createUpload' | 'abortUpload'>;

/**
 * @returns why the write was refused, or undefined where nothing speaks against sending it again
 * @throws the signal's reason
 */
export async function whyRefused(store: Asking, request: PutRequest | PartRequest, options: CallOptions): Promise<TributaryError | undefined> {
  try {
    if ('uploadId' in request) {
      // No more is asked: which properties its upload was begun with, and so must be asked for, is not known here.
      return await uploadIsGone(store, request, options) ? gone(store, request, 'UploadPart') : undefined;
    }
    if (request.ifNoneMatch !== undefined && (await store.head(request, options)) !== null) {
      return taken(store, request);
    }
    // The same permissions and properties as the write itself, and no body.
    const { uploadId } = await store.createUpload(request, options);
    await store.abortUpload({ bucket: request.bucket, key: request.key, uploadId }, options);
    return undefined;
  } catch (error) {
    options.signal?.throwIfAborted();
    return isTributaryError(error) && !error.retryable ? error : undefined;
  }
}

/**
 * Whether an upload whose Complete failed is still there, so that Complete may be repeated.
 * @returns TRB-NO-SUCH-KEY where it is gone; `failure` itself where nobody may say; undefined where it is there, or cannot be asked now
 */
export async function whyNotRepeated(store: Asking, request: UploadRef, failure: TributaryError, options: CallOptions): Promise<TributaryError | undefined> {
  try {
    return (await store.listParts(request, options)) === null ? gone(store, request, 'CompleteMultipartUpload') : undefined;
  } catch (error) {
    options.signal?.throwIfAborted();
    return isTributaryError(error) && error.retryable ? undefined : failure;
  }
}

type UploadRef = ObjectRef & { readonly uploadId: string };

async function uploadIsGone(store: Asking, request: UploadRef, options: CallOptions): Promise<boolean> {
  try {
    return (await store.listParts(request, options)) === null;
  } catch (error) {
    options.signal?.throwIfAborted();
    // To list parts is a permission of its own: that it is missing says nothing about the write.
    if (isTributaryError(error) && error.code === 'TRB-ACCESS-DENIED') return false;
    throw error;
  }
}

function gone(store: Asking, request: UploadRef, operation: string): TributaryError {
  return new TributaryError('TRB-NO-SUCH-KEY', `s3://${request.bucket}/${request.key} in store ${store.name} has no such upload any more`, {
    store: store.name, bucket: request.bucket, key: request.key, operation, httpStatus: 404, storeCode: 'NoSuchUpload',
  });
}

function taken(store: Asking, request: PutRequest): TributaryError {
  return new TributaryError('TRB-CHUNK-CONFLICT', `s3://${request.bucket}/${request.key} in store ${store.name} exists already`, {
    store: store.name, bucket: request.bucket, key: request.key, operation: 'PutObject', httpStatus: 412, storeCode: 'PreconditionFailed',
  });
}
