/** The port over the AWS SDK: every verb, for every S3 service. The leaner adapter serves the hot ones where it can. */
import {
  AbortMultipartUploadCommand, CompleteMultipartUploadCommand, CreateBucketCommand, CreateMultipartUploadCommand, DeleteObjectCommand,
  HeadBucketCommand, ListObjectsV2Command, PutObjectCommand, UploadPartCommand, type S3Client,
} from '@aws-sdk/client-s3';
import type { StoreConfig } from '../../contracts/config.ts';
import { isTributaryError, type ErrorCode } from '../../contracts/errors.ts';
import { classifyStoreError, wrongAnswer, type FailedCall } from '../classify.ts';
import { encodeCrc32 } from '../crc32.ts';
import { MAX_GET_BYTES, type CallOptions, type CompleteRequest, type CreateUploadRequest, type ObjectStore, type PartRequest, type PutRequest } from '../object-store.ts';
import type { StoreOperation } from '../operations.ts';
import { guarded, sendable, translated } from './call.ts';
import { createClients, type ClientOptions } from './client.ts';
import { createCredentials } from './credentials.ts';
import { listAllParts, listAllUploads, listObjects } from './list.ts';
import { outputParameters } from './output.ts';
import { getWhole, headObject, readInto } from './read.ts';
import { putStream } from './stream.ts';

/** A store served by the AWS SDK. One call is one request; only a HEAD that fails without saying why is followed by a LIST that does. */
export function createAwsStore(name: string, config: StoreConfig, options: Partial<ClientOptions> = {}): ObjectStore {
  const { useEnvironmentEndpoint = false, credentials = createCredentials(config), proxy } = options;
  const { s3, patient, close } = createClients(config, { useEnvironmentEndpoint, credentials, proxy });
  const at = (operation: StoreOperation, ref: { readonly bucket: string; readonly key?: string }): FailedCall =>
    ({ store: name, bucket: ref.bucket, key: ref.key === '' ? undefined : ref.key, operation });

  return {
    name,
    list: (request, call) => {
      const where = at('list', { bucket: request.bucket, key: request.prefix });
      return guarded(where, call, (abort) => listObjects(s3, where, request, abort));
    },
    readInto: (request, into, call) => {
      const where = at('readInto', request);
      return guarded(where, call, (abort) => readInto(s3, where, request, into, abort, call?.landed));
    },
    get: (ref, call) => {
      const where = at('get', ref);
      return guarded(where, call, (abort) => getWhole(s3, where, ref, call?.maxBytes ?? MAX_GET_BYTES, abort));
    },
    head: async (ref, call) => {
      try {
        return await guarded(at('head', ref), call, (abort) => headObject(s3, at('head', ref), ref, abort));
      } catch (error) {
        if (isTributaryError(error) && error.code === 'TRB-NO-SUCH-KEY') return null;
        throw await explained(s3, error, at('list', ref), call);
      }
    },
    put: (request, call) => guarded(at('put', request), call, (abort) => putObject(s3, at('put', request), request, abort)),
    putStream: (request, call) => translated(at('putStream', request), call, () => putStream(s3, request, call?.signal)),
    createUpload: (request, call) => guarded(at('createUpload', request), call, (abort) => createUpload(s3, at('createUpload', request), request, abort)),
    uploadPart: (request, call) => guarded(at('uploadPart', request), call, (abort) => uploadPart(s3, at('uploadPart', request), request, abort)),
    listParts: async (ref, call) => {
      try {
        return await guarded(at('listParts', ref), call, (abort) => listAllParts(s3, at('listParts', ref), ref, abort));
      } catch (error) {
        if (isTributaryError(error) && error.code === 'TRB-NO-SUCH-KEY') return null;
        throw error;
      }
    },
    listUploads: (request, call) => {
      const where = at('listUploads', { bucket: request.bucket, key: request.prefix });
      return guarded(where, call, (abort) => listAllUploads(s3, where, request, abort));
    },
    completeUpload: (request, call) =>
      guarded(at('completeUpload', request), call, (abort) => completeUpload(patient, at('completeUpload', request), request, abort)),
    abortUpload: async (ref, call) => {
      try {
        await guarded(at('abortUpload', ref), call, (abort) =>
          s3.send(new AbortMultipartUploadCommand({ Bucket: ref.bucket, Key: ref.key, UploadId: ref.uploadId }), abort));
      } catch (error) {
        if (!isTributaryError(error) || error.code !== 'TRB-NO-SUCH-KEY') throw error;
      }
    },
    delete: async (ref, call) => {
      try {
        await guarded(at('delete', ref), call, (abort) => s3.send(new DeleteObjectCommand({ Bucket: ref.bucket, Key: ref.key }), abort));
      } catch (error) {
        if (!isTributaryError(error) || error.code !== 'TRB-NO-SUCH-KEY') throw error;
      }
    },
    headBucket: async (bucket, call) => {
      try {
        await guarded(at('headBucket', { bucket }), call, (abort) => s3.send(new HeadBucketCommand({ Bucket: bucket }), abort));
      } catch (error) {
        throw await explained(s3, error, at('list', { bucket }), call);
      }
    },
    createBucket: async (bucket, call) => {
      await guarded(at('createBucket', { bucket }), call, async (abort) => {
        try {
          await s3.send(new CreateBucketCommand({ Bucket: bucket }), abort);
        } catch (error) {
          if (!(error instanceof Error) || error.name !== 'BucketAlreadyOwnedByYou') throw error;
        }
      });
    },
    close,
  };
}

interface Abort { readonly abortSignal?: AbortSignal }

async function putObject(s3: S3Client, call: FailedCall, request: PutRequest, abort: Abort): Promise<{ etag: string }> {
  const answer = await s3.send(new PutObjectCommand({
    Bucket: request.bucket, Key: request.key, Body: sendable(request.body), ContentLength: request.body.sizeBytes,
    ChecksumCRC32: encodeCrc32(request.body.crc32),
    ...(request.ifNoneMatch === undefined ? {} : { IfNoneMatch: request.ifNoneMatch }),
    ...outputParameters(request.output, request.metadata),
  }), abort);
  return { etag: etagOf(answer.ETag, call) };
}

async function createUpload(s3: S3Client, call: FailedCall, request: CreateUploadRequest, abort: Abort): Promise<{ uploadId: string }> {
  const answer = await s3.send(new CreateMultipartUploadCommand({
    Bucket: request.bucket, Key: request.key, ChecksumAlgorithm: 'CRC32', ChecksumType: 'FULL_OBJECT', ...outputParameters(request.output, request.metadata),
  }), abort);
  if (answer.UploadId === undefined || answer.UploadId === '') throw wrongAnswer(call, 'no upload id', 200);
  return { uploadId: answer.UploadId };
}

async function uploadPart(s3: S3Client, call: FailedCall, request: PartRequest, abort: Abort): Promise<{ etag: string }> {
  const answer = await s3.send(new UploadPartCommand({
    Bucket: request.bucket, Key: request.key, UploadId: request.uploadId, PartNumber: request.partNumber,
    Body: sendable(request.body), ContentLength: request.body.sizeBytes, ChecksumCRC32: encodeCrc32(request.body.crc32),
  }), abort);
  return { etag: etagOf(answer.ETag, call) };
}

async function completeUpload(s3: S3Client, call: FailedCall, request: CompleteRequest, abort: Abort): Promise<{ etag: string }> {
  const answer = await s3.send(new CompleteMultipartUploadCommand({
    Bucket: request.bucket, Key: request.key, UploadId: request.uploadId,
    MultipartUpload: { Parts: request.parts.map(({ partNumber, etag, crc32 }) => ({ PartNumber: partNumber, ETag: etag, ChecksumCRC32: encodeCrc32(crc32) })) },
    MpuObjectSize: request.sizeBytes, ChecksumCRC32: encodeCrc32(request.crc32), ChecksumType: 'FULL_OBJECT',
    ...(request.ifNoneMatch === undefined ? {} : { IfNoneMatch: request.ifNoneMatch }),
  }), abort);
  return { etag: etagOf(answer.ETag, call) };
}

function etagOf(etag: string | undefined, call: FailedCall): string {
  if (etag === undefined || etag === '') throw wrongAnswer(call, 'no ETag', 200);
  return etag;
}

/**
 * An answer to HEAD has no body, so it cannot say whether the key id is unknown, the region wrong or a permission missing. A LIST of
 * the same bucket can: its error is taken where it says more.
 */
async function explained(s3: S3Client, error: unknown, list: FailedCall, options: CallOptions | undefined): Promise<unknown> {
  if (!isTributaryError(error) || error.retryable || error.context.httpStatus === undefined) return error;
  try {
    await s3.send(new ListObjectsV2Command({ Bucket: list.bucket, Prefix: list.key ?? '', MaxKeys: 1 }), options?.signal ? { abortSignal: options.signal } : {});
    return error;
  } catch (reason) {
    options?.signal?.throwIfAborted();
    const explanation = classifyStoreError(reason, list);
    return SAYS_MORE.has(explanation.code) ? explanation : error;
  }
}

const SAYS_MORE: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['TRB-BAD-CREDENTIALS', 'TRB-INVALID-CONFIG', 'TRB-NO-SUCH-BUCKET']);
