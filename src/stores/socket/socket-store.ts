/**
 * The hot verbs of the port over raw sockets: bytes land in the caller's buffers and are sent from there. What this client does not
 * serve is refused by a `FallbackError`, before it changed anything in the store: the same call is for the SDK adapter then.
 */
import { isTributaryError } from '../../contracts/errors.ts';
import { orAborted } from '../../core/or-aborted.ts';
import { classifyStoreError, wrongAnswer, type FailedCall } from '../classify.ts';
import { encodeCrc32 } from '../crc32.ts';
import { bodyOf } from '../body.ts';
import { COMPLETE_SILENCE_MS, InterruptedRead, MAX_GET_BYTES, type Body, type CallOptions, type CompleteRequest, type ListRequest, type ObjectStore, type ReadOptions, type ReadRequest, type ReadResult } from '../object-store.ts';
import { begunUpload, bytesOf, collectAnswer, collectListing, collectObject, completedUpload, isWhole, placeRead, readResult, refusalOf, RefusedRequest, textOf, writtenEtag } from './answers.ts';
import type { HttpAnswer, Place } from './answer-reader.ts';
import { createAddressing, type EndpointConfig } from './endpoint.ts';
import { FallbackError, HttpFailure } from './failure.ts';
import { MalformedAnswer } from './head-parser.ts';
import { HttpClient, type HttpClientOptions } from './http1.ts';
import { outputHeaders, putHeaders, type Header } from './output-headers.ts';
import { createSigner, encodeKey, type Credentials } from './sigv4.ts';
import { readListPage } from './xml.ts';

export interface ResolvedSocketConfig extends EndpointConfig, HttpClientOptions {
  /** Clock. Default: that of the system. */
  readonly now?: (() => number) | undefined;
}

/**
 * Who chooses between this client and another is told here how a read ends, instead of waiting for it beside its caller: a promise less for each of
 * a hundred thousand small reads, and a twentieth of their time.
 */
export interface ReadWatcher {
  /** With an answer of the store, or an error that another client would meet too. */
  answered(): void;
  /** This client does not serve it. The read ends as this does. */
  refused(error: FallbackError, request: ReadRequest, into: Uint8Array, options: ReadOptions | undefined): Promise<ReadResult>;
}

/** The verbs that every run needs many times: an SDK's call costs ten times what one of these does. */
export interface HotStore extends Pick<ObjectStore, 'name' | 'list' | 'get' | 'put' | 'createUpload' | 'uploadPart' | 'completeUpload' | 'close'> {
  readInto(request: ReadRequest, into: Uint8Array, options?: ReadOptions, watcher?: ReadWatcher): Promise<ReadResult>;
}

export interface SocketStore extends HotStore {
  /** Connections at the moment, and calls that wait for one. */
  connections(): { readonly open: number; readonly free: number; readonly waiting: number };
}

interface Call {
  readonly where: FailedCall;
  readonly method: 'GET' | 'PUT' | 'POST';
  readonly key: string;
  readonly query: readonly (readonly [string, string])[];
  readonly headers: readonly Header[];
  readonly body?: Body;
  readonly idempotent: boolean;
  /** Whether the SDK may do it all the same, where the answer cannot be read. Default: where it is idempotent. */
  readonly mayBeginAnew?: boolean;
  readonly silenceMs?: number;
  readonly place: Place;
  readonly landed?: ReadOptions['landed'];
  /** Of the verbs that come by the thousand; see `UnsignedRequest`. */
  readonly shape?: object;
  readonly watcher?: ReadWatcher | undefined;
}

const WHOLE_READ = {};
const RANGED_READ = {};
const WHOLE_READ_HEADER: Header = ['x-amz-checksum-mode', 'ENABLED'];
const NO_QUERY: Call['query'] = [];
const FULL_OBJECT: Header = ['x-amz-checksum-type', 'FULL_OBJECT'];

/**
 * @param credentials asked before every request; it remembers
 * @throws FallbackError where the endpoint or the region is one that the rules here do not cover
 */
export function createSocketStore(name: string, config: ResolvedSocketConfig, credentials: () => Credentials | Promise<Credentials>): SocketStore {
  const { now = Date.now } = config;
  const addressOf = createAddressing(config);
  const sign = createSigner(config.region);
  const client = new HttpClient(config);
  /** How far the store's clock is ahead of ours. */
  let skewMs = 0;

  const send = (call: Call, keys: Credentials, signal: AbortSignal | undefined): Promise<HttpAnswer> => {
    const address = addressOf(call.where.bucket);
    const { method, query, headers, body, idempotent, silenceMs, place, landed, shape } = call;
    const path = `${address.pathPrefix}${encodeKey(call.key)}`;
    const head = sign({ method, host: address.host, path, query, headers, bodyBytes: body?.sizeBytes, shape }, keys, now() + skewMs);
    return client.request(address.origin, { head, body: body?.views, idempotent, silenceMs, place, landed, signal });
  };

  const sendAgain = async (call: Call, refusal: unknown, signal: AbortSignal | undefined): Promise<HttpAnswer> => {
    // Refused before anything was done, so that it may be sent again.
    const ahead = refusal instanceof RefusedRequest && refusal.Code === 'RequestTimeTooSkewed' ? refusal.serverTimeMs : undefined;
    if (ahead === undefined) throw refusal;
    skewMs = ahead - now();
    const known = credentials();
    const answer = await send(call, known instanceof Promise ? await orAborted(known, signal) : known, signal);
    if (answer.head.status >= 300) throw refusalOf(answer);
    return answer;
  };

  // One function, so that a small read costs as few promises as it can.
  const guarded = async <T>(call: Call, options: CallOptions | undefined, read: (answer: HttpAnswer) => T, refused?: (error: FallbackError) => Promise<T>): Promise<T> => {
    const signal = options?.signal;
    try {
      if (call.body) checkLength(call.body);
      const known = credentials();
      const answer = await send(call, known instanceof Promise ? await orAborted(known, signal) : known, signal);
      const result = read(answer.head.status < 300 ? answer : await sendAgain(call, refusalOf(answer), signal));
      call.watcher?.answered();
      return result;
    } catch (error) {
      const meaning: unknown = signal?.aborted ? signal.reason : meaningOf(error, call);
      if (refused && meaning instanceof FallbackError) return refused(meaning);
      call.watcher?.answered();
      throw meaning;
    }
  };

  return {
    name,
    list: async (request, options) => {
      const where: FailedCall = { store: name, bucket: request.bucket, key: request.prefix === '' ? undefined : request.prefix, operation: 'list' };
      return guarded({ where, method: 'GET', key: '', query: listQuery(request), headers: [], idempotent: true, place: collectListing }, options,
        (answer) => readListPage(textOf(answer)));
    },
    readInto: (request, into, options, watcher) => {
      const where: FailedCall = { store: name, bucket: request.bucket, key: request.key, operation: 'readInto' };
      if (into.byteLength < request.lengthBytes) return Promise.reject(new RangeError(`there is room for ${into.byteLength} of ${request.lengthBytes} bytes`));
      const whole = isWhole(request);
      const range: Header = whole ? WHOLE_READ_HEADER : ['range', `bytes=${request.offset}-${request.offset + request.lengthBytes - 1}`];
      return guarded({
        where, method: 'GET', key: request.key, query: NO_QUERY, headers: [['if-match', request.ifMatch], range], idempotent: true,
        place: placeRead(request, into, where), landed: options?.landed, shape: whole ? WHOLE_READ : RANGED_READ, watcher,
      }, options, ({ head }) => readResult(head, request), watcher && ((error) => watcher.refused(error, request, into, options)));
    },
    get: async (ref, options) => {
      const where: FailedCall = { store: name, bucket: ref.bucket, key: ref.key, operation: 'get' };
      const place = collectObject(options?.maxBytes ?? MAX_GET_BYTES, where);
      return guarded({ where, method: 'GET', key: ref.key, query: NO_QUERY, headers: [], idempotent: true, place }, options, bytesOf);
    },
    put: async (request, options) => {
      const where: FailedCall = { store: name, bucket: request.bucket, key: request.key, operation: 'put' };
      const headers = putHeaders(request.output, request.metadata);
      headers.push(['x-amz-checksum-crc32', encodeCrc32(request.body.crc32)]);
      if (request.ifNoneMatch !== undefined) headers.push(['if-none-match', request.ifNoneMatch]);
      return guarded({ where, method: 'PUT', key: request.key, query: NO_QUERY, headers, body: request.body, idempotent: false, place: collectAnswer, shape: putShape(headers) }, options,
        (answer) => writtenEtag(answer, where));
    },
    createUpload: async (request, options) => {
      const where: FailedCall = { store: name, bucket: request.bucket, key: request.key, operation: 'createUpload' };
      const headers: Header[] = [['x-amz-checksum-algorithm', 'CRC32'], FULL_OBJECT, ...outputHeaders(request.output, request.metadata)];
      return guarded({
        where, method: 'POST', key: request.key, query: [['uploads', '']], headers, body: bodyOf(''), idempotent: false, mayBeginAnew: true, place: collectAnswer,
      }, options, begunUpload);
    },
    uploadPart: async (request, options) => {
      const where: FailedCall = { store: name, bucket: request.bucket, key: request.key, operation: 'uploadPart' };
      const query = [['partNumber', String(request.partNumber)], ['uploadId', request.uploadId]] as const;
      const headers: Header[] = [['x-amz-checksum-crc32', encodeCrc32(request.body.crc32)]];
      return guarded({ where, method: 'PUT', key: request.key, query, headers, body: request.body, idempotent: true, place: collectAnswer }, options,
        (answer) => writtenEtag(answer, where));
    },
    completeUpload: async (request, options) => {
      const where: FailedCall = { store: name, bucket: request.bucket, key: request.key, operation: 'completeUpload' };
      const headers: Header[] = [['content-type', 'application/xml'], ['x-amz-checksum-crc32', encodeCrc32(request.crc32)], FULL_OBJECT, ['x-amz-mp-object-size', String(request.sizeBytes)]];
      if (request.ifNoneMatch !== undefined) headers.push(['if-none-match', request.ifNoneMatch]);
      return guarded({
        where, method: 'POST', key: request.key, query: [['uploadId', request.uploadId]], headers, body: bodyOf(listOfParts(request)), idempotent: false,
        silenceMs: COMPLETE_SILENCE_MS, place: collectAnswer,
      }, options, completedUpload);
    },
    connections: () => client.counts,
    close: () => { client.close(); },
  };
}

/** At most: metadata of users has any names. */
const PUT_SHAPES = 64;
const putShapes = new Map<string, object>();

/** One for all writes with headers of the same names. */
function putShape(headers: readonly Header[]): object {
  const names = headers.map(([name]) => name).join();
  const known = putShapes.get(names);
  if (known) return known;
  if (putShapes.size === PUT_SHAPES) putShapes.clear();
  const shape = {};
  putShapes.set(names, shape);
  return shape;
}

/** A wrong length would make the rest of a body another request. */
function checkLength(body: Body): void {
  const sizeBytes = body.views.reduce((sum, view) => sum + view.byteLength, 0);
  if (sizeBytes !== body.sizeBytes) throw new RangeError(`the body has ${sizeBytes} bytes where ${body.sizeBytes} were announced`);
}

function listOfParts({ parts }: CompleteRequest): string {
  const listed = parts.map(({ partNumber, etag, crc32 }) =>
    `<Part><ETag>${escaped(etag)}</ETag><ChecksumCRC32>${encodeCrc32(crc32)}</ChecksumCRC32><PartNumber>${partNumber}</PartNumber></Part>`);
  return `<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${listed.join('')}</CompleteMultipartUpload>`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

function listQuery(request: ListRequest): (readonly [string, string])[] {
  const query: (readonly [string, string])[] = [['list-type', '2'], ['encoding-type', 'url'], ['prefix', request.prefix]];
  if (request.continuationToken !== undefined) query.push(['continuation-token', request.continuationToken]);
  else if (request.startAfter !== undefined) query.push(['start-after', request.startAfter]);
  if (request.maxKeys !== undefined) query.push(['max-keys', String(request.maxKeys)]);
  if (request.delimiter !== undefined) query.push(['delimiter', request.delimiter]);
  return query;
}

/** An error of the port for whatever a call failed with; a FallbackError stays one. */
function meaningOf(error: unknown, call: Call): unknown {
  if (error instanceof FallbackError || isTributaryError(error)) return error;
  const malformed = error instanceof MalformedAnswer || (error instanceof HttpFailure && error.kind === 'malformed');
  // PutObject may have been done; what is sent again by another client could only be refused. The writer looks at what is there. An upload that is
  // begun twice is an empty one too many.
  const meaning = malformed ? wrongAnswer(call.where, error.message) : classifyStoreError(error, call.where);
  if (malformed && (call.mayBeginAnew ?? call.idempotent)) return new FallbackError(error.message, { cause: meaning });
  return error instanceof HttpFailure && error.receivedBytes > 0 ? new InterruptedRead(error.receivedBytes, meaning) : meaning;
}
