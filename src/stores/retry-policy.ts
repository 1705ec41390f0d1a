/** What is tried again, how often, and after how long. */
import type { TributaryError } from '../contracts/errors.ts';
import type { StoreOperation } from './operations.ts';

const BACKOFF_BASE_MS = 100;
const BACKOFF_MAX_MS = 20_000;

/** Full jitter: anything between nothing and a bound that doubles with each failure, from 100 ms to 20 s. @param random in [0, 1) */
export function backoffMs(failures: number, random: number): number {
  return random * Math.min(BACKOFF_MAX_MS, BACKOFF_BASE_MS * 2 ** Math.min(failures - 1, 20));
}

/** Errors that pass seldom: tried this often in all, however much patience there is. Bytes can be damaged on their way, a clock can be set right. */
const FEW_TRIES = 3;
const RARELY_PASS: ReadonlySet<string> = new Set(['BadDigest', 'InvalidDigest', 'XAmzContentSHA256Mismatch', 'XAmzContentChecksumMismatch', 'RequestTimeTooSkewed', 'WrongAnswer']);

/** No connection was made, so the store has not seen the request. */
const NEVER_SENT: ReadonlySet<string> = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']);

/**
 * Whether a failed request is sent again.
 * A Complete is not, unless the store cannot have acted on it: some servers answer a repeated one with success although the upload is gone,
 * so only its caller, who can look at the object, may repeat it.
 */
export function isRetried(operation: StoreOperation, error: TributaryError, failures: number): boolean {
  const storeCode = error.context.storeCode ?? '';
  if (RARELY_PASS.has(storeCode)) return failures < FEW_TRIES && operation !== 'completeUpload';
  if (!error.retryable || error.code === 'TRB-INTERNAL') return false;
  return operation !== 'completeUpload' || NEVER_SENT.has(storeCode) || storeCode.startsWith('SlowDown');
}

/**
 * Whether a write may have been refused by an answer that was lost: servers answer before they have read a body, and close.
 */
export function mayBeRefusal(operation: StoreOperation, error: TributaryError): boolean {
  return (operation === 'put' || operation === 'uploadPart') && error.code === 'TRB-STORE-UNREACHABLE' && !NEVER_SENT.has(error.context.storeCode ?? '');
}
