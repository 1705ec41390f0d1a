/** How a request over a socket can fail, before anybody knows what it means for S3. */

export type FailureKind =
  /** No connection: refused, unknown host, certificate not trusted, or not in time. */
  | 'connect'
  /** The connection broke, or was closed, before the answer's end. */
  | 'broken'
  | 'timeout'
  /** The server sent what we do not read: malformed, or beyond a bound. */
  | 'malformed';

/** `code` is as Node's system errors (`ECONNRESET`, `ETIMEDOUT`, …), so that the classifier treats it like the SDK's own. */
export class HttpFailure extends Error {
  override readonly name = 'HttpFailure';
  readonly kind: FailureKind;
  readonly code: string;
  /** Whether any byte of an answer had arrived. */
  readonly answered: boolean;
  /** Bytes of the body that are in the caller's buffer, from its start, and right. */
  readonly receivedBytes: number;

  constructor(kind: FailureKind, code: string, message: string, progress: { readonly answered: boolean; readonly receivedBytes: number }, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
    this.kind = kind;
    this.code = code;
    this.answered = progress.answered;
    this.receivedBytes = progress.receivedBytes;
  }
}

/**
 * The lean client does not serve this: the same request is for the SDK adapter. Nothing was changed in the store.
 * Where it could not read an answer, `cause` is the error for callers who have no other client.
 */
export class FallbackError extends Error {
  override readonly name = 'FallbackError';
}
