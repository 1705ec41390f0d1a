/** What is tried again, how often, and after how long. */
import type { TributaryError } from '../contracts/errors.ts';
import { WRONG_LENGTH } from './classify.ts';
import type { StoreOperation } from './operations.ts';

const BACKOFF_BASE_MS = 100;
const BACKOFF_MAX_MS = 20_000;

/** Full jitter: anything between nothing and a bound that doubles with each failure, from 100 ms to 20 s. @param random in [0, 1) */
export function backoffMs(failures: number, random: number): number {
  return random * Math.min(BACKOFF_MAX_MS, BACKOFF_BASE_MS * 2 ** Math.min(failures - 1, 20));
}

/** Errors that pass seldom: tried this often in all, however much patience there is. Bytes can be damaged on their way, a clock can be set right. */
const FEW_TRIES = 3;
const RARELY_PASS: ReadonlySet<string> = new Set(['BadDigest', 'InvalidDigest', 'XAmzContentSHA256Mismatch', 'XAmzContentChecksumMismatch', 'RequestTimeTooSkewed', 'WrongAnswer', WRONG_LENGTH]);

const TRIES_OF_COMPLETE = 5;

/** No connection was made, so the store has not seen the request. */
const NEVER_SENT: ReadonlySet<string> = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']);

/** How often a request is tried in all that fails like this, however much patience there is: Infinity where its failure passes, 1 where it does not. */
export function maxTries(operation: StoreOperation, error: TributaryError): number {
  const { storeCode = '' } = error.context;
  if (RARELY_PASS.has(storeCode)) return operation === 'completeUpload' ? 1 : FEW_TRIES;
  // An upload that is being aborted is refused in other words than one that is gone, and may be listed for a moment yet (versitygw: InvalidRequest).
  if (operation === 'completeUpload' && error.code === 'TRB-STORE-REFUSED') return TRIES_OF_COMPLETE;
  return error.retryable && error.code !== 'TRB-INTERNAL' ? Infinity : 1;
}

/** Whether the store may have acted on a request that failed: it may have been carried out, or refused by an answer that was lost. */
export function mayHaveActed({ code, context: { storeCode = '' } }: TributaryError): boolean {
  if (code === 'TRB-STORE-UNREACHABLE') return !NEVER_SENT.has(storeCode);
  return !(code === 'TRB-STORE-THROTTLED' && storeCode.startsWith('SlowDown'));
}
