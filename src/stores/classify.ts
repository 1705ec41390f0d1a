/**
 * The one classifier of what a store, the network or an SDK can throw. Total: whatever goes in, a `TributaryError` comes out.
 * It decides by the store's own code first, then by the HTTP status, then by the code of the system or of OpenSSL, and by
 * names of SDK errors last. What each code means is in `store-codes.ts`.
 */
import { isTributaryError, TributaryError, type ErrorCode, type ErrorContext } from '../contracts/errors.ts';
import { readFacts, type ThrownFacts } from './error-facts.ts';
import { InterruptedRead } from './object-store.ts';
import { OPERATIONS, type StoreOperation } from './operations.ts';
import { byStatus, byStoreCode, isCertificateCode, isNetworkCode, type Verdict } from './store-codes.ts';

/** The call that failed. */
export interface FailedCall {
  /** Name of the store in the configuration. */
  readonly store: string;
  readonly bucket: string;
  readonly key?: string | undefined;
  readonly operation: StoreOperation;
}

/**
 * An error of ours for any error of one call to a store. The message is one sentence that names store, bucket and key; what to
 * do about it is the remedy of its code. The original is kept as `cause`. An error that is ours already is returned as it is.
 */
export function classifyStoreError(error: unknown, call: FailedCall): TributaryError {
  if (isTributaryError(error)) return error;
  if (error instanceof InterruptedRead) return classifyStoreError(error.cause, call);
  const facts = readFacts(error);
  const verdict = judge(facts, call.operation);
  return new TributaryError(verdict.code, sentence(verdict, facts, call), contextOf(verdict, facts, call), { cause: error });
}

/** An error of ours for an answer that the adapter itself found to be wrong: another range, a missing header. */
export function wrongAnswer(call: FailedCall, what: string, httpStatus?: number): TributaryError {
  return wrong('WrongAnswer', call, what, httpStatus);
}

/** The same for an answer about the right version of an object, which is not as long as it was listed: where that stays so, it is no fault of the whole store. */
export function wrongLength(call: FailedCall, what: string, httpStatus?: number): TributaryError {
  return wrong(WRONG_LENGTH, call, what, httpStatus);
}

/** `storeCode` of errors that `wrongLength` makes. */
export const WRONG_LENGTH = 'WrongLength';

function wrong(storeCode: string, call: FailedCall, what: string, httpStatus: number | undefined): TributaryError {
  const verdict: Verdict = { code: 'TRB-STORE-FAULT', says: `gave a wrong answer: ${what}` };
  const facts: ThrownFacts = { httpStatus, storeCode, systemCode: undefined, name: '', message: '' };
  return new TributaryError(verdict.code, sentence(verdict, facts, call), contextOf(verdict, facts, call));
}

/** Whether the store asks for fewer requests. */
export function isThrottle(error: unknown): boolean {
  return isTributaryError(error) && error.code === 'TRB-STORE-THROTTLED';
}

function judge(facts: ThrownFacts, operation: StoreOperation): Verdict {
  if (facts.name === 'CredentialsProviderError' || facts.name === 'TokenProviderError') {
    return isNetworkCode(facts.systemCode)
      ? { code: 'TRB-STORE-UNREACHABLE', says: `has no credentials yet: their source cannot be reached: ${facts.message}` }
      : { code: 'TRB-BAD-CREDENTIALS', says: `has no credentials: ${facts.message}` };
  }
  const known = facts.storeCode === undefined ? undefined : byStoreCode(facts.storeCode, operation);
  if (known) return known;
  if (facts.httpStatus !== undefined) return byStatus(facts.httpStatus, operation);
  // As the SDK says it of a connection that had been established.
  if (DAMAGED_RECORD.test(`${facts.systemCode ?? ''} ${facts.message}`)) return { code: 'TRB-STORE-UNREACHABLE', says: `cannot be reached: bytes were damaged on their way (${facts.message})` };
  if (isCertificateCode(facts.systemCode)) {
    return { code: 'TRB-INVALID-CONFIG', says: `cannot be trusted: its TLS certificate or protocol is wrong (${facts.systemCode ?? ''})` };
  }
  if (isNetworkCode(facts.systemCode)) return { code: 'TRB-STORE-UNREACHABLE', says: `cannot be reached: ${facts.message}` };
  return byName(facts);
}

/** TLS found that a record is not the one that was sent. */
const DAMAGED_RECORD = /bad[ _]record[ _]mac/i;

/** What SDK and runtime throw without any code. */
function byName({ name, message }: ThrownFacts): Verdict {
  if (name === 'TimeoutError' || name === 'AbortError' || /socket hang up|^aborted$|other side closed|premature close/i.test(message)) {
    return { code: 'TRB-STORE-UNREACHABLE', says: `cannot be reached: ${message}` };
  }
  if (name === 'SyntaxError' || /deserializ|xml|unexpected end|unclosed tag/i.test(message)) {
    return { code: 'TRB-STORE-FAULT', says: `gave an answer that cannot be read: ${message}` };
  }
  return { code: 'TRB-INTERNAL', says: `could not be asked: ${message}` };
}

const NAMES_THE_OBJECT: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'TRB-ACCESS-DENIED', 'TRB-SOURCE-DENIED', 'TRB-SOURCE-GONE', 'TRB-SOURCE-CHANGED', 'TRB-SOURCE-ARCHIVED', 'TRB-CHUNK-CONFLICT', 'TRB-NO-SUCH-KEY',
]);

function sentence(verdict: Verdict, facts: ThrownFacts, call: FailedCall): string {
  const { api, permission } = OPERATIONS[call.operation];
  const uri = `s3://${call.bucket}${call.key === undefined ? '' : `/${call.key}`}`;
  const answer = [facts.storeCode, facts.httpStatus === undefined ? undefined : `HTTP ${facts.httpStatus}`].filter((part) => part !== undefined).join(', ');
  const suffix = answer === '' ? '' : ` (${answer})`;
  if (verdict.code === 'TRB-NO-SUCH-BUCKET') return `bucket ${call.bucket} does not exist in store ${call.store}${suffix}`;
  if (NAMES_THE_OBJECT.has(verdict.code)) return `${uri} in store ${call.store} ${verdict.says.replace('{permission}', permission)}${suffix}`;
  // In its own words: which region it is in, or what it does not like.
  const isInItsWords = verdict.code === 'TRB-STORE-REFUSED' || (verdict.code === 'TRB-INVALID-CONFIG' && facts.storeCode !== undefined);
  const detail = isInItsWords && facts.message !== '' ? `: ${facts.message}` : '';
  return `store ${call.store} ${verdict.says}${detail}${suffix}, asked for ${api} of ${uri}`;
}

function contextOf(verdict: Verdict, facts: ThrownFacts, call: FailedCall): ErrorContext {
  const httpStatus = verdict.httpStatus ?? facts.httpStatus;
  const storeCode = facts.storeCode ?? facts.systemCode;
  return {
    store: call.store, bucket: call.bucket, operation: OPERATIONS[call.operation].api,
    ...(call.key === undefined ? {} : { key: call.key }),
    ...(httpStatus === undefined ? {} : { httpStatus }),
    ...(storeCode === undefined ? {} : { storeCode }),
  };
}
