/** Every request that came by, and the figures made of them. */
import type { Fault } from './fault-schedule.ts';
import type { S3Head } from './s3-request.ts';

export interface LoggedRequest extends S3Head {
  readonly startedMs: number;
  /** When its last byte went either way; null while it is on its way. */
  endedMs: number | null;
  /** Bytes of bodies that went by. */
  requestBytes: number;
  answerBytes: number;
  /** Of the server's answer, or of the one given in its place; null where there was none. */
  status: number | null;
  readonly fault: Fault | null;
  /** Whether the client got the whole answer, as far as can be seen from here. */
  answered: boolean;
}

export class RequestLog {
  readonly #all: LoggedRequest[] = [];

  begin(head: S3Head, fault: Fault | null): LoggedRequest {
    const request: LoggedRequest = { ...head, startedMs: Date.now(), endedMs: null, requestBytes: 0, answerBytes: 0, status: null, fault, answered: false };
    this.#all.push(request);
    return request;
  }

  /** In the order in which they came. */
  get all(): readonly LoggedRequest[] {
    return this.#all;
  }

  of(operation: string, keyPart = ''): readonly LoggedRequest[] {
    return this.#all.filter((request) => request.operation === operation && request.key.includes(keyPart));
  }

  /** What came from this request on: `mark = log.length`, later `since(mark)`. */
  since(mark: number): readonly LoggedRequest[] {
    return this.#all.slice(mark);
  }

  get length(): number {
    return this.#all.length;
  }
}

/** Whether it is about a chunk or its upload, not about control data, a probe or a source. */
export function isOfChunk({ key }: LoggedRequest): boolean {
  return /(?:^|\/)merged-[^/]*$/.test(key);
}

/** How many of them the server carried out, and the client was told. */
export function acknowledged(requests: readonly LoggedRequest[]): number {
  return requests.filter(({ answered, status }) => answered && status === 200).length;
}

/**
 * Bytes of chunks that were sent more than once: of each part of each key (or of the whole object, where it is no multipart upload)
 * everything beyond the longest body.
 */
export function resentBytes(requests: readonly LoggedRequest[]): number {
  return repeated(requests.filter(({ operation }) => operation === 'UploadPart' || operation === 'PutObject'), (request) => request.requestBytes);
}

/** Bytes of sources that were read more than once: of each range of each key everything beyond the longest answer. */
export function rereadBytes(requests: readonly LoggedRequest[]): number {
  return repeated(requests.filter(({ operation }) => operation === 'GetObject'), (request) => request.answerBytes);
}

function repeated(requests: readonly LoggedRequest[], bytesOf: (request: LoggedRequest) => number): number {
  let repeatedBytes = 0;
  const same = Map.groupBy(requests, ({ bucket, key, query, range }) => [bucket, key, query.get('partNumber') ?? '', range ?? ''].join(' '));
  for (const group of same.values()) {
    const sizes = group.map(bytesOf);
    repeatedBytes += sizes.reduce((sum, sizeBytes) => sum + sizeBytes, 0) - Math.max(...sizes);
  }
  return repeatedBytes;
}

/** Upload ids by key, in the order in which parts were sent to them: a key that has several was begun anew. */
export function uploadsByKey(requests: readonly LoggedRequest[]): ReadonlyMap<string, readonly string[]> {
  const uploads = new Map<string, string[]>();
  for (const { operation, key, query } of requests) {
    const uploadId = query.get('uploadId');
    if (operation !== 'UploadPart' || uploadId === null) continue;
    const ids = uploads.get(key) ?? [];
    uploads.set(key, ids);
    if (!ids.includes(uploadId)) ids.push(uploadId);
  }
  return uploads;
}
