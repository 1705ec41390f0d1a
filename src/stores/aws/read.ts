/**
 * Reads of objects. A body lands in the caller's buffer, and its length is checked against what was asked before its first
 * byte is taken and again at its end.
 */
import { Readable } from 'node:stream';
import { GetObjectCommand, HeadObjectCommand, type GetObjectCommandOutput, type S3Client } from '@aws-sdk/client-s3';
import { type TributaryError } from '../../contracts/errors.ts';
import { classifyStoreError, wrongAnswer, wrongLength, type FailedCall } from '../classify.ts';
import { isOfAnotherSize } from '../content-range.ts';
import { decodeCrc32 } from '../crc32.ts';
import { InterruptedRead, type ObjectRef, type ReadOptions, type ReadRequest, type ReadResult, type StoredObject } from '../object-store.ts';
import { receive, TOO_LONG } from './receive.ts';

interface Abort { readonly abortSignal?: AbortSignal }

/** What was written through S3 has one: what comes without it is no answer about an object. (Files that somebody laid into the folder of a gateway, as versitygw's, may have none.) */
const NO_ETAG = 'no ETag';

export async function readInto(s3: S3Client, call: FailedCall, request: ReadRequest, into: Uint8Array, abort: Abort, landed: ReadOptions['landed']): Promise<ReadResult> {
  const whole = request.offset === 0 && request.lengthBytes === request.sizeBytes;
  const last = request.offset + request.lengthBytes - 1;
  const answer = await s3.send(new GetObjectCommand({
    Bucket: request.bucket, Key: request.key, IfMatch: request.ifMatch,
    ...(whole ? {} : { Range: `bytes=${request.offset}-${last}` }),
  }), abort);
  const body = bodyOf(answer, call);
  const complaint = wrongHead(answer, request, whole, call);
  if (complaint) {
    body.destroy();
    throw complaint;
  }
  await receive(body, into, request.lengthBytes, { signal: abort.abortSignal, landed }, (problem, receivedBytes) => {
    const error = typeof problem !== 'string' ? classifyStoreError(problem, call) : (whole && problem === TOO_LONG ? wrongLength : wrongAnswer)(call, problem);
    return receivedBytes > 0 ? new InterruptedRead(receivedBytes, error) : error;
  });
  const objectCrc32 = whole ? decodeCrc32(answer.ChecksumCRC32, answer.ChecksumType) : undefined;
  return objectCrc32 === undefined ? {} : { objectCrc32 };
}

/** What is wrong with the head of an answer, or undefined. */
function wrongHead(answer: GetObjectCommandOutput, request: ReadRequest, whole: boolean, call: FailedCall): TributaryError | undefined {
  const { ETag: etag, ContentRange: range, ContentLength: sizeBytes, $metadata: { httpStatusCode: status } } = answer;
  if (status !== (whole ? 200 : 206)) return wrongAnswer(call, `HTTP ${status ?? 0} where ${whole ? 200 : 206} was asked for`, status);
  // For servers that ignore If-Match.
  if (etag !== undefined && opaque(etag) !== opaque(request.ifMatch)) return changed(call);
  const expectedRange = `bytes ${request.offset}-${request.offset + request.lengthBytes - 1}/${request.sizeBytes}`;
  if (!whole && range !== expectedRange) {
    return (isOfAnotherSize(range, request.sizeBytes) ? wrongLength : wrongAnswer)(call, `Content-Range "${range ?? ''}" where "${expectedRange}" was asked for`, status);
  }
  if (sizeBytes === undefined || sizeBytes === request.lengthBytes) return undefined;
  return (whole ? wrongLength : wrongAnswer)(call, `${sizeBytes} bytes where ${request.lengthBytes} were asked for`, status);
}

function opaque(etag: string): string {
  return etag.replace(/^W\//, '').replaceAll('"', '');
}

function changed(call: FailedCall): TributaryError {
  return classifyStoreError({ httpStatus: 412, message: 'the store answered with another version' }, call);
}

function bodyOf(answer: GetObjectCommandOutput, call: FailedCall): Readable {
  if (answer.Body instanceof Readable) return answer.Body;
  throw wrongAnswer(call, 'no body', answer.$metadata.httpStatusCode);
}

export async function getWhole(s3: S3Client, call: FailedCall, ref: ObjectRef, maxBytes: number, abort: Abort): Promise<Buffer> {
  const answer = await s3.send(new GetObjectCommand({ Bucket: ref.bucket, Key: ref.key }), abort);
  const body = bodyOf(answer, call);
  const { ETag: etag, ContentLength: sizeBytes } = answer;
  if (!etag || sizeBytes === undefined || sizeBytes > maxBytes) {
    body.destroy();
    throw wrongAnswer(call, etag ? `${sizeBytes ?? 'unknown'} bytes where at most ${maxBytes} were expected` : NO_ETAG, answer.$metadata.httpStatusCode);
  }
  const into = Buffer.allocUnsafe(sizeBytes);
  await receive(body, into, sizeBytes, { signal: abort.abortSignal }, (problem) => typeof problem === 'string' ? wrongAnswer(call, problem) : classifyStoreError(problem, call));
  return into;
}

export async function headObject(s3: S3Client, call: FailedCall, ref: ObjectRef, options: Abort): Promise<StoredObject> {
  const answer = await s3.send(new HeadObjectCommand({ Bucket: ref.bucket, Key: ref.key, ChecksumMode: 'ENABLED' }), options);
  if (!answer.ETag && !answer.LastModified) throw wrongAnswer(call, NO_ETAG, answer.$metadata.httpStatusCode);
  const crc32 = decodeCrc32(answer.ChecksumCRC32, answer.ChecksumType);
  return {
    sizeBytes: answer.ContentLength ?? 0,
    etag: answer.ETag ?? '',
    modifiedMs: answer.LastModified?.getTime() ?? 0,
    metadata: answer.Metadata ?? {},
    ...(crc32 === undefined ? {} : { crc32 }),
    ...(answer.ContentType === undefined ? {} : { contentType: answer.ContentType }),
    ...(answer.StorageClass === undefined ? {} : { storageClass: answer.StorageClass }),
  };
}

