import { ListMultipartUploadsCommand, ListObjectsV2Command, ListPartsCommand, type S3Client } from '@aws-sdk/client-s3';
import { wrongAnswer, type FailedCall } from '../classify.ts';
import { decodeCrc32 } from '../crc32.ts';
import type { ListPage, ListRequest, ObjectRef, OpenUpload, UploadedPart } from '../object-store.ts';

interface Abort { readonly abortSignal?: AbortSignal }

const NO_LISTING = 'what is no listing';

export async function listObjects(s3: S3Client, call: FailedCall, request: ListRequest, abort: Abort): Promise<ListPage> {
  const answer = await s3.send(new ListObjectsV2Command({
    Bucket: request.bucket, Prefix: request.prefix, EncodingType: 'url',
    ...(request.continuationToken !== undefined ? { ContinuationToken: request.continuationToken }
      : request.startAfter !== undefined ? { StartAfter: request.startAfter } : {}),
    ...(request.maxKeys === undefined ? {} : { MaxKeys: request.maxKeys }),
    ...(request.delimiter === undefined ? {} : { Delimiter: request.delimiter }),
  }), abort);
  // Of a success without a body, or with another one, the SDK makes a page of nothing: it would be the last, and what comes after it would be lost.
  if (answer.IsTruncated === undefined) throw wrongAnswer(call, NO_LISTING, 200);
  const decode = keyDecoder(answer.EncodingType);
  if (answer.IsTruncated && answer.NextContinuationToken === undefined) throw wrongAnswer(call, 'a page that is cut off and names no next one', 200);
  return {
    objects: (answer.Contents ?? []).map(({ Key, Size, ETag, LastModified }) => {
      if (Key === undefined || Size === undefined || ETag === undefined || LastModified === undefined) throw wrongAnswer(call, 'an entry without key, size, ETag or time', 200);
      return { key: decode(Key), sizeBytes: Size, etag: ETag, modifiedMs: LastModified.getTime() };
    }),
    prefixes: (answer.CommonPrefixes ?? []).map(({ Prefix }) => decode(Prefix ?? '')),
    ...(answer.IsTruncated && answer.NextContinuationToken !== undefined ? { next: answer.NextContinuationToken } : {}),
  };
}

/** Keys come percent-encoded, because XML cannot hold every one, where the store says that it did as it was asked. */
export function keyDecoder(encodingType: string | undefined): (text: string) => string {
  if (encodingType !== 'url') return (text) => text;
  return (text) => decodeURIComponent(text.replaceAll('+', '%20'));
}

/** Every part, ascending, whatever order the store lists them in; the walk ends where a page brings nothing new. */
export async function listAllParts(s3: S3Client, call: FailedCall, ref: ObjectRef & { readonly uploadId: string }, abort: Abort): Promise<readonly UploadedPart[]> {
  const parts = new Map<number, UploadedPart>();
  let marker: string | undefined;
  for (;;) {
    const answer = await s3.send(new ListPartsCommand({
      Bucket: ref.bucket, Key: ref.key, UploadId: ref.uploadId, ...(marker === undefined ? {} : { PartNumberMarker: marker }),
    }), abort);
    // S3Proxy does not say whether that is all, but whose parts they are.
    if (answer.IsTruncated === undefined && answer.UploadId === undefined) throw wrongAnswer(call, NO_LISTING, 200);
    const before = parts.size;
    for (const { PartNumber, Size, ETag, ChecksumCRC32 } of answer.Parts ?? []) {
      if (PartNumber === undefined || Size === undefined || ETag === undefined) throw wrongAnswer(call, 'a part without number, size or ETag', 200);
      const crc32 = decodeCrc32(ChecksumCRC32);
      parts.set(PartNumber, { partNumber: PartNumber, sizeBytes: Size, etag: ETag, ...(crc32 === undefined ? {} : { crc32 }) });
    }
    if (!answer.IsTruncated) break;
    if (parts.size === before || answer.NextPartNumberMarker === undefined) throw wrongAnswer(call, 'pages of parts that do not end', 200);
    marker = answer.NextPartNumberMarker;
  }
  return [...parts.values()].sort((a, b) => a.partNumber - b.partNumber);
}

/**
 * Open uploads of keys that start with `prefix`. The walk goes by the key marker, with the upload marker where the store gives one
 * and takes it; a store that repeats itself ends the walk.
 */
export async function listAllUploads(s3: S3Client, call: FailedCall, request: { readonly bucket: string; readonly prefix: string }, abort: Abort): Promise<readonly OpenUpload[]> {
  const uploads = new Map<string, OpenUpload>();
  let markers: { KeyMarker?: string; UploadIdMarker?: string } = {};
  for (;;) {
    const answer = await s3.send(new ListMultipartUploadsCommand({ Bucket: request.bucket, Prefix: request.prefix, EncodingType: 'url', ...markers }), abort);
    if (answer.IsTruncated === undefined) throw wrongAnswer(call, NO_LISTING, 200);
    const decode = keyDecoder(answer.EncodingType);
    const before = uploads.size;
    for (const { Key, UploadId, Initiated } of answer.Uploads ?? []) {
      if (Key === undefined || UploadId === undefined) throw wrongAnswer(call, 'an upload without key or id', 200);
      const key = decode(Key);
      if (key.startsWith(request.prefix)) uploads.set(`${UploadId}\n${key}`, { key, uploadId: UploadId, startedMs: Initiated?.getTime() ?? 0 });
    }
    if (!answer.IsTruncated) break;
    if (uploads.size === before || answer.NextKeyMarker === undefined) throw wrongAnswer(call, 'pages of uploads that do not end', 200);
    markers = { KeyMarker: decode(answer.NextKeyMarker), ...(answer.NextUploadIdMarker === undefined ? {} : { UploadIdMarker: answer.NextUploadIdMarker }) };
  }
  return [...uploads.values()];
}
