/** What an answer means: whether it is the one that was asked for, and what a refusal says. */
import { classifyStoreError, wrongAnswer, wrongLength, type FailedCall } from '../classify.ts';
import { isOfAnotherSize } from '../content-range.ts';
import { decodeCrc32 } from '../crc32.ts';
import type { ReadRequest, ReadResult } from '../object-store.ts';
import type { HttpAnswer, Place } from './answer-reader.ts';
import { FallbackError } from './failure.ts';
import { MalformedAnswer, type ResponseHead } from './head-parser.ts';
import { isError, readElement, readError } from './xml.ts';

/** Errors, and what writes are answered with: small, always. */
const MAX_ANSWER_BYTES = 2 ** 20;
const MAX_LIST_BYTES = 8 * 2 ** 20;

/** A refusal, in the shape that the SDK's errors have. */
export class RefusedRequest extends Error {
  override readonly name = 'RefusedRequest';
  readonly httpStatus: number;
  readonly Code: string | undefined;
  /** The server's clock, where it told. */
  readonly serverTimeMs: number | undefined;
  constructor(answer: HttpAnswer) {
    const { code, message } = readError(textOf(answer));
    super(message ?? `HTTP ${answer.head.status}`);
    const serverTimeMs = Date.parse(answer.head.headers.date ?? '');
    this.httpStatus = answer.head.status;
    this.Code = code;
    this.serverTimeMs = Number.isNaN(serverTimeMs) ? undefined : serverTimeMs;
  }
}

/** What an answer of 300 or more is; a redirect is a FallbackError, because the SDK follows it. */
export function refusalOf(answer: HttpAnswer): RefusedRequest | FallbackError {
  const { status } = answer.head;
  return status >= 400 ? new RefusedRequest(answer) : new FallbackError(`the store redirects (HTTP ${status})`);
}

/** The body of an answer, in place. */
export function bytesOf({ body }: HttpAnswer): Buffer {
  return Buffer.from(body.buffer, body.byteOffset, body.byteLength);
}

export function textOf(answer: HttpAnswer): string {
  return bytesOf(answer).toString();
}

export const collectAnswer: Place = () => MAX_ANSWER_BYTES;

export const collectListing: Place = (head) => head.status === 200 ? MAX_LIST_BYTES : MAX_ANSWER_BYTES;

/** A whole object of unknown length, which is collected. */
export function collectObject(maxBytes: number, call: FailedCall): Place {
  return (head) => {
    const { status, chunked, contentLength } = head;
    if (status >= 300) return MAX_ANSWER_BYTES;
    // What the end of the connection ends may have been cut off.
    if (!chunked && contentLength === undefined) throw new FallbackError('the store does not say how long an object is');
    if (status !== 200) throw wrongAnswer(call, `HTTP ${status} where 200 was asked for`, status);
    etagOf(head, call);
    if (contentLength !== undefined && contentLength > maxBytes) throw wrongAnswer(call, `${contentLength} bytes where at most ${maxBytes} were expected`, status);
    return maxBytes;
  };
}

/** Where the body of GET goes: straight into the caller's buffer, where the answer is exactly the one that was asked for. */
export function placeRead(request: ReadRequest, into: Uint8Array, call: FailedCall): Place {
  return (head) => {
    if (head.status >= 300) return MAX_ANSWER_BYTES;
    const whole = isWhole(request);
    const expected = whole ? 200 : 206;
    if (head.status !== expected) throw wrongAnswer(call, `HTTP ${head.status} where ${expected} was asked for`, head.status);
    const etag = head.headers.etag;
    // For servers that ignore If-Match.
    if (etag !== undefined && etag !== request.ifMatch && opaque(etag) !== opaque(request.ifMatch)) throw classifyStoreError({ httpStatus: 412, message: 'the store answered with another version' }, call);
    if (!whole) checkRange(head, request, call);
    if (head.chunked || head.contentLength === undefined) throw new FallbackError('the store does not say how long an object is');
    if (head.contentLength !== request.lengthBytes) throw (whole ? wrongLength : wrongAnswer)(call, `${head.contentLength} bytes where ${request.lengthBytes} were asked for`, head.status);
    return into.byteLength === request.lengthBytes ? into : into.subarray(0, request.lengthBytes);
  };
}

/** What was written through S3 has one: what comes without it is no answer about an object. @throws TRB-STORE-FAULT */
function etagOf({ status, headers: { etag } }: ResponseHead, call: FailedCall): string {
  if (etag === undefined || etag === '') throw wrongAnswer(call, `HTTP ${status} without an ETag`, status);
  return etag;
}

function checkRange(head: ResponseHead, { offset, lengthBytes, sizeBytes }: ReadRequest, call: FailedCall): void {
  const range = head.headers['content-range'];
  const expected = `bytes ${offset}-${offset + lengthBytes - 1}/${sizeBytes}`;
  if (range !== expected) throw (isOfAnotherSize(range, sizeBytes) ? wrongLength : wrongAnswer)(call, `Content-Range "${range ?? ''}" where "${expected}" was asked for`, head.status);
}

export function isWhole(request: ReadRequest): boolean {
  return request.offset === 0 && request.lengthBytes === request.sizeBytes;
}

/** What the head of a whole read says about the object. */
export function readResult(head: ResponseHead, request: ReadRequest): ReadResult {
  const objectCrc32 = isWhole(request) ? decodeCrc32(head.headers['x-amz-checksum-crc32'], head.headers['x-amz-checksum-type']) : undefined;
  return objectCrc32 === undefined ? {} : { objectCrc32 };
}

/** @throws TRB-STORE-FAULT where a write was acknowledged without an ETag */
export function writtenEtag(answer: HttpAnswer, call: FailedCall): { readonly etag: string } {
  const { status } = answer.head;
  if (status !== 200) throw wrongAnswer(call, `HTTP ${status} where 200 was expected`, status);
  return { etag: etagOf(answer.head, call) };
}

/** @throws RefusedRequest, MalformedAnswer */
export function begunUpload(answer: HttpAnswer): { readonly uploadId: string } {
  return { uploadId: said(answer, 'UploadId') };
}

/** @throws RefusedRequest, MalformedAnswer */
export function completedUpload(answer: HttpAnswer): { readonly etag: string } {
  return { etag: said(answer, 'ETag') };
}

/**
 * What an answer about an upload says.
 * @throws RefusedRequest where it is an error although its status says success; MalformedAnswer where it says nothing
 */
function said(answer: HttpAnswer, name: string): string {
  const xml = textOf(answer);
  // A status is sent before the store knows: "a 200 OK response can contain either a success or an error" (S3 API reference, CompleteMultipartUpload).
  if (isError(xml)) throw new RefusedRequest(answer);
  const text = readElement(xml, name);
  if (text === '') throw new MalformedAnswer(`the answer has no ${name}`);
  return text;
}

function opaque(etag: string): string {
  return etag.replace(/^W\//, '').replaceAll('"', '');
}
