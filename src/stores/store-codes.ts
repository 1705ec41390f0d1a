/** What the codes of S3 services, HTTP, the system and OpenSSL mean to us: one row each. Sources: AWS, versitygw, MinIO, Ceph RGW, R2 and GCS. */
import type { ErrorCode } from '../contracts/errors.ts';
import type { StoreOperation } from './operations.ts';

export interface Verdict {
  readonly code: ErrorCode;
  /** Rest of a sentence that begins with the store, or with the object where the error is about one. */
  readonly says: string;
  /** Status that callers decide by, where the answer's own may be another one (an error inside a 200). */
  readonly httpStatus?: number;
}

type Rule = Verdict | ((operation: StoreOperation) => Verdict);

const verdict = (code: ErrorCode, says: string, httpStatus?: number): Verdict => ({ code, says, ...(httpStatus === undefined ? {} : { httpStatus }) });

const noBucket = verdict('TRB-NO-SUCH-BUCKET', 'does not exist');
const throttled = verdict('TRB-STORE-THROTTLED', 'asks for fewer requests');
const fault = verdict('TRB-STORE-FAULT', 'failed');
const wrongPlace = verdict('TRB-INVALID-CONFIG', 'says that its region or endpoint is another one');
const badBody = verdict('TRB-STORE-FAULT', 'received other bytes than were sent');
const refused = verdict('TRB-STORE-REFUSED', 'refuses the request');
const credentials = (what: string) => verdict('TRB-BAD-CREDENTIALS', `does not accept the credentials: ${what}`);

const denied: Rule = (operation) => operation === 'readInto'
  ? verdict('TRB-SOURCE-DENIED', 'may not be read: that needs {permission}')
  : verdict('TRB-ACCESS-DENIED', 'may not be used like this: that needs {permission}');
const noKey: Rule = (operation) => operation === 'readInto' ? verdict('TRB-SOURCE-GONE', 'is gone') : verdict('TRB-NO-SUCH-KEY', 'does not exist');
const noUpload = verdict('TRB-NO-SUCH-KEY', 'has no such upload any more');
const archived: Rule = (operation) => operation === 'readInto' || operation === 'get' ? verdict('TRB-SOURCE-ARCHIVED', 'is archived') : refused;
const precondition: Rule = (operation) => operation === 'readInto'
  ? verdict('TRB-SOURCE-CHANGED', 'was changed', 412)
  : verdict('TRB-CHUNK-CONFLICT', 'exists already', 412);
const race: Rule = (operation) => operation === 'put' || operation === 'completeUpload' ? verdict('TRB-CHUNK-CONFLICT', 'is being written by another', 409) : fault;
const outOfRange: Rule = (operation) => operation === 'readInto' ? verdict('TRB-SOURCE-CHANGED', 'is shorter than it was') : refused;

const CODES: Readonly<Record<string, Rule>> = {
  NoSuchBucket: noBucket, InvalidBucketName: noBucket,
  NoSuchKey: noKey, NoSuchVersion: noKey,
  NoSuchUpload: noUpload, InvalidPart: verdict('TRB-NO-SUCH-KEY', 'lacks parts of this upload'),
  AccessDenied: denied, AllAccessDisabled: denied, AccountProblem: denied, InvalidPayer: denied, UnauthorizedAccess: denied,
  InvalidAccessKeyId: credentials('the access key id is unknown'), XAdminUserNotFound: credentials('the access key id is unknown'),
  NotSignedUp: credentials('the account is not signed up'), Unauthorized: credentials('they are wrong'),
  SignatureDoesNotMatch: credentials('the secret access key is wrong'),
  ExpiredToken: credentials('the session token has expired'), ExpiredTokenException: credentials('the session token has expired'),
  TokenRefreshRequired: credentials('the session token has expired'),
  InvalidToken: credentials('the session token is wrong'), InvalidSecurity: credentials('they are wrong'), InvalidClientTokenId: credentials('the access key id is unknown'),
  RequestTimeTooSkewed: credentials('the clocks of this machine and of the store differ too much'),
  RequestExpired: credentials('the clocks of this machine and of the store differ too much'),
  AuthorizationHeaderMalformed: wrongPlace, PermanentRedirect: wrongPlace, TemporaryRedirect: wrongPlace, Redirect: wrongPlace,
  IllegalLocationConstraintException: wrongPlace, InvalidRegionName: wrongPlace, InvalidRegion: wrongPlace, InvalidLocationConstraint: wrongPlace,
  SlowDown: throttled, SlowDownRead: throttled, SlowDownWrite: throttled, ServiceUnavailable: throttled, TooManyRequests: throttled, TooManyRequestsException: throttled,
  Throttling: throttled, ThrottlingException: throttled, RequestLimitExceeded: throttled, RequestThrottled: throttled, RequestThrottledException: throttled,
  BandwidthLimitExceeded: throttled, RateLimitExceeded: throttled, 'KMS.ThrottlingException': throttled,
  InternalError: fault, InternalFailure: fault, InternalServerError: fault, ServiceFailure: fault, RequestTimeout: fault, RequestTimeoutException: fault, IncompleteBody: fault,
  XMinioServerNotInitialized: fault, XMinioStorageFull: fault, XMinioBackendDown: fault,
  PreconditionFailed: precondition, ConditionalRequestConflict: race, OperationAborted: race,
  BadDigest: badBody, InvalidDigest: badBody, XAmzContentSHA256Mismatch: badBody, XAmzContentChecksumMismatch: badBody,
  InvalidObjectState: archived, InvalidRange: outOfRange,
  BucketAlreadyExists: verdict('TRB-ACCESS-DENIED', 'belongs to somebody else'),
  EntityTooSmall: refused, EntityTooLarge: refused, InvalidPartOrder: refused, MalformedXML: refused, InvalidArgument: refused, InvalidRequest: refused,
  NotImplemented: refused, MethodNotAllowed: refused, QuotaExceeded: refused, KeyTooLongError: refused, MetadataTooLarge: refused, InvalidStorageClass: refused,
  InvalidTag: refused, InvalidURI: refused, XMinioInvalidObjectName: refused, ObjectParentIsFile: refused,
};

/** @returns undefined where the code is not known: then the status decides. */
export function byStoreCode(storeCode: string, operation: StoreOperation): Verdict | undefined {
  const rule = Object.hasOwn(CODES, storeCode) ? CODES[storeCode] : storeCode.startsWith('KMS.') ? denied : undefined;
  const found = typeof rule === 'function' ? rule(operation) : rule;
  return found?.code === 'TRB-STORE-REFUSED' && operation === 'readInto' ? verdict('TRB-SOURCE-DENIED', 'may not be read: the store refuses the request') : found;
}

/** For answers without a body, as to HEAD, and for codes nobody knows. */
export function byStatus(httpStatus: number, operation: StoreOperation): Verdict {
  if (httpStatus < 300) return verdict('TRB-STORE-FAULT', 'gave an answer that cannot be read');
  if (httpStatus < 400) return wrongPlace;
  if (httpStatus === 429 || httpStatus === 503) return throttled;
  if (httpStatus >= 500) return httpStatus === 501 ? refused : fault;
  const rule = CLIENT_STATUS[httpStatus] ?? refused;
  const found = typeof rule === 'function' ? rule(operation) : rule;
  return found.code === 'TRB-STORE-REFUSED' && operation === 'readInto' ? verdict('TRB-SOURCE-DENIED', 'may not be read: the store refuses the request') : found;
}

const ABOUT_A_KEY: ReadonlySet<StoreOperation> = new Set<StoreOperation>(['readInto', 'get', 'head', 'uploadPart', 'listParts', 'completeUpload', 'abortUpload']);

const CLIENT_STATUS: Readonly<Record<number, Rule>> = {
  401: credentials('they are wrong'), 403: denied,
  404: (operation) => !ABOUT_A_KEY.has(operation) ? noBucket : typeof noKey === 'function' ? noKey(operation) : noKey,
  408: fault, 409: race, 412: precondition, 416: outOfRange, 425: throttled,
};

const NETWORK_CODES: ReadonlySet<string> = new Set([
  'ECONNREFUSED', 'ECONNRESET', 'ECONNABORTED', 'EPIPE', 'ENOTFOUND', 'EAI_AGAIN', 'EAI_FAIL', 'EAI_NODATA', 'ETIMEDOUT', 'ESOCKETTIMEDOUT', 'EHOSTUNREACH', 'EHOSTDOWN',
  'ENETUNREACH', 'ENETDOWN', 'ENETRESET', 'EADDRNOTAVAIL', 'ENOTCONN', 'ESHUTDOWN', 'EMFILE', 'ENFILE', 'ENOBUFS', 'ERR_STREAM_PREMATURE_CLOSE', 'ERR_STREAM_DESTROYED',
  'ERR_SOCKET_CLOSED', 'ERR_SOCKET_CONNECTION_TIMEOUT', 'ERR_STREAM_WRITE_AFTER_END', 'HPE_INVALID_CONSTANT', 'HPE_INVALID_EOF_STATE', 'HPE_CLOSED_CONNECTION',
]);

/** Something between us and the store, which may pass by itself. */
export function isNetworkCode(systemCode: string | undefined): boolean {
  return systemCode !== undefined && NETWORK_CODES.has(systemCode);
}

const CERTIFICATE = /^(?:ERR_TLS_|ERR_SSL_|CERT_|SELF_SIGNED_|DEPTH_ZERO_|UNABLE_TO_|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE|EPROTO$)/;

/** TLS that will not work however often it is tried: a certificate nobody vouches for, or a port that does not speak TLS. */
export function isCertificateCode(systemCode: string | undefined): boolean {
  return systemCode !== undefined && CERTIFICATE.test(systemCode);
}
