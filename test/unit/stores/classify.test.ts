import { describe, expect, it } from '@jest/globals';
import type { ErrorCode } from '../../../src/contracts/errors.ts';
import { TributaryError } from '../../../src/contracts/errors.ts';
import { classifyStoreError } from '../../../src/stores/classify.ts';
import { InterruptedRead } from '../../../src/stores/object-store.ts';
import { OPERATIONS, type StoreOperation } from '../../../src/stores/operations.ts';

/** As the AWS SDK throws it. */
const service = (httpStatus: number, code: string, message = code): Error =>
  Object.assign(new Error(message), { name: code, Code: code, $fault: httpStatus < 500 ? 'client' : 'server', $metadata: { httpStatusCode: httpStatus, attempts: 1 } });
const system = (code: string, message = `connect ${code} 10.0.0.1:443`): Error => Object.assign(new Error(message), { code });
const bodiless = (httpStatus: number, name: string): Error => Object.assign(new Error('UnknownError'), { name, $fault: 'client', $metadata: { httpStatusCode: httpStatus } });

const classify = (error: unknown, operation: StoreOperation = 'get'): TributaryError =>
  classifyStoreError(error, { store: 'main', bucket: 'logs', key: 'a/b.log', operation });

const ROWS: readonly (readonly [title: string, error: unknown, operation: StoreOperation, code: ErrorCode])[] = [
  ['missing bucket', service(404, 'NoSuchBucket'), 'list', 'TRB-NO-SUCH-BUCKET'],
  ['missing bucket of a source', service(404, 'NoSuchBucket'), 'readInto', 'TRB-NO-SUCH-BUCKET'],
  ['missing key', service(404, 'NoSuchKey'), 'get', 'TRB-NO-SUCH-KEY'],
  ['source that is gone', service(404, 'NoSuchKey'), 'readInto', 'TRB-SOURCE-GONE'],
  ['upload that is gone', service(404, 'NoSuchUpload'), 'uploadPart', 'TRB-NO-SUCH-KEY'],
  ['parts that are gone', service(400, 'InvalidPart'), 'completeUpload', 'TRB-NO-SUCH-KEY'],
  ['list denied', service(403, 'AccessDenied'), 'list', 'TRB-ACCESS-DENIED'],
  ['write denied', service(403, 'AccessDenied'), 'put', 'TRB-ACCESS-DENIED'],
  ['source denied', service(403, 'AccessDenied'), 'readInto', 'TRB-SOURCE-DENIED'],
  ['control object denied', service(403, 'AccessDenied'), 'get', 'TRB-ACCESS-DENIED'],
  ['key of KMS denied, source', service(400, 'KMS.DisabledException'), 'readInto', 'TRB-SOURCE-DENIED'],
  ['key of KMS denied, write', service(400, 'KMS.NotFoundException'), 'put', 'TRB-ACCESS-DENIED'],
  ['unknown key id', service(403, 'InvalidAccessKeyId'), 'readInto', 'TRB-BAD-CREDENTIALS'],
  ['unknown key id on versitygw', service(404, 'XAdminUserNotFound'), 'readInto', 'TRB-BAD-CREDENTIALS'],
  ['wrong secret', service(403, 'SignatureDoesNotMatch'), 'list', 'TRB-BAD-CREDENTIALS'],
  ['expired token', service(400, 'ExpiredToken'), 'readInto', 'TRB-BAD-CREDENTIALS'],
  ['clock that is off', service(403, 'RequestTimeTooSkewed'), 'put', 'TRB-BAD-CREDENTIALS'],
  ['R2 without permission', service(401, 'Unauthorized'), 'list', 'TRB-BAD-CREDENTIALS'],
  ['wrong region', service(400, 'AuthorizationHeaderMalformed'), 'readInto', 'TRB-INVALID-CONFIG'],
  ['bucket of another region', service(301, 'PermanentRedirect'), 'list', 'TRB-INVALID-CONFIG'],
  ['redirect without body', bodiless(301, '301'), 'headBucket', 'TRB-INVALID-CONFIG'],
  ['SlowDown', service(503, 'SlowDown'), 'readInto', 'TRB-STORE-THROTTLED'],
  ['MinIO SlowDown', service(503, 'SlowDownWrite'), 'put', 'TRB-STORE-THROTTLED'],
  ['503 of a proxy', bodiless(503, 'UnknownError'), 'list', 'TRB-STORE-THROTTLED'],
  ['ServiceUnavailable', service(503, 'ServiceUnavailable'), 'list', 'TRB-STORE-THROTTLED'],
  ['429', service(429, 'TooManyRequests'), 'put', 'TRB-STORE-THROTTLED'],
  ['429 without body', bodiless(429, 'UnknownError'), 'head', 'TRB-STORE-THROTTLED'],
  ['500', service(500, 'InternalError'), 'readInto', 'TRB-STORE-FAULT'],
  ['502 of a proxy', bodiless(502, 'BadGateway'), 'readInto', 'TRB-STORE-FAULT'],
  ['504 of a proxy', bodiless(504, 'UnknownError'), 'put', 'TRB-STORE-FAULT'],
  ['MinIO that starts', service(503, 'XMinioServerNotInitialized'), 'list', 'TRB-STORE-FAULT'],
  ['MinIO that is full', service(507, 'XMinioStorageFull'), 'put', 'TRB-STORE-FAULT'],
  ['source that changed', service(412, 'PreconditionFailed'), 'readInto', 'TRB-SOURCE-CHANGED'],
  ['source that changed, without body', bodiless(412, '412'), 'readInto', 'TRB-SOURCE-CHANGED'],
  ['source that became shorter', service(416, 'InvalidRange'), 'readInto', 'TRB-SOURCE-CHANGED'],
  ['object that exists', service(412, 'PreconditionFailed'), 'put', 'TRB-CHUNK-CONFLICT'],
  ['object that exists, at Complete', service(412, 'PreconditionFailed'), 'completeUpload', 'TRB-CHUNK-CONFLICT'],
  ['race of writers', service(409, 'ConditionalRequestConflict'), 'put', 'TRB-CHUNK-CONFLICT'],
  ['race at Complete', service(409, 'OperationAborted'), 'completeUpload', 'TRB-CHUNK-CONFLICT'],
  ['race on a bucket', service(409, 'OperationAborted'), 'createBucket', 'TRB-STORE-FAULT'],
  ['part too small', service(400, 'EntityTooSmall'), 'completeUpload', 'TRB-STORE-REFUSED'],
  ['wrong order', service(400, 'InvalidPartOrder'), 'completeUpload', 'TRB-STORE-REFUSED'],
  ['damaged body', service(400, 'BadDigest'), 'uploadPart', 'TRB-STORE-FAULT'],
  ['damaged body, MinIO', service(400, 'XAmzContentChecksumMismatch'), 'put', 'TRB-STORE-FAULT'],
  ['body cut off', service(400, 'IncompleteBody'), 'put', 'TRB-STORE-FAULT'],
  ['body too slow', service(400, 'RequestTimeout'), 'put', 'TRB-STORE-FAULT'],
  ['archived source', service(403, 'InvalidObjectState'), 'readInto', 'TRB-SOURCE-ARCHIVED'],
  ['unknown storage class', service(400, 'InvalidStorageClass'), 'createUpload', 'TRB-STORE-REFUSED'],
  ['verb that is not there', service(501, 'NotImplemented'), 'listUploads', 'TRB-STORE-REFUSED'],
  ['code nobody knows', service(400, 'SomethingNew'), 'put', 'TRB-STORE-REFUSED'],
  ['code nobody knows, source', service(400, 'SomethingNew'), 'readInto', 'TRB-SOURCE-DENIED'],
  ['HEAD 403', bodiless(403, '403'), 'head', 'TRB-ACCESS-DENIED'],
  ['HEAD 404', bodiless(404, 'NotFound'), 'head', 'TRB-NO-SUCH-KEY'],
  ['HEAD 412', bodiless(412, 'UnknownError'), 'head', 'TRB-CHUNK-CONFLICT'],
  ['HEAD bucket 404', bodiless(404, 'NotFound'), 'headBucket', 'TRB-NO-SUCH-BUCKET'],
  ['nobody listens', system('ECONNREFUSED'), 'list', 'TRB-STORE-UNREACHABLE'],
  ['nobody listens on any address', Object.assign(new AggregateError([system('ECONNREFUSED')], ''), { code: 'ECONNREFUSED' }), 'list', 'TRB-STORE-UNREACHABLE'],
  ['nobody listens, only members say so', new AggregateError([system('ECONNREFUSED')]), 'list', 'TRB-STORE-UNREACHABLE'],
  ['connection reset', system('ECONNRESET', 'read ECONNRESET'), 'readInto', 'TRB-STORE-UNREACHABLE'],
  ['broken pipe', system('EPIPE', 'write EPIPE'), 'put', 'TRB-STORE-UNREACHABLE'],
  ['unknown host', system('ENOTFOUND', 'getaddrinfo ENOTFOUND s3.example'), 'list', 'TRB-STORE-UNREACHABLE'],
  ['no name service', system('EAI_AGAIN'), 'list', 'TRB-STORE-UNREACHABLE'],
  ['connect timeout', system('ETIMEDOUT'), 'list', 'TRB-STORE-UNREACHABLE'],
  ['SDK timeout', Object.assign(new Error('the request socket did not establish a connection'), { name: 'TimeoutError', $metadata: { attempts: 1 } }), 'list', 'TRB-STORE-UNREACHABLE'],
  ['hang up', new Error('socket hang up'), 'list', 'TRB-STORE-UNREACHABLE'],
  ['error that the SDK wrapped', new Error('AWS SDK error wrapper for TimeoutError: write ECONNRESET'), 'put', 'TRB-STORE-UNREACHABLE'],
  ['untrusted certificate', system('DEPTH_ZERO_SELF_SIGNED_CERT', 'self-signed certificate'), 'list', 'TRB-INVALID-CONFIG'],
  ['expired certificate', system('CERT_HAS_EXPIRED', 'certificate has expired'), 'readInto', 'TRB-INVALID-CONFIG'],
  ['certificate of another host', system('ERR_TLS_CERT_ALTNAME_INVALID'), 'list', 'TRB-INVALID-CONFIG'],
  ['damaged on its way, as TLS finds here', system('ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC'), 'readInto', 'TRB-STORE-UNREACHABLE'],
  ['damaged on its way, as the store says', new Error('AWS SDK error wrapper for Error: 40:error:0A0003FC:SSL routines:ssl3_read_bytes:ssl/tls alert bad record mac:../ssl/record.c:918:SSL alert number 20'), 'put', 'TRB-STORE-UNREACHABLE'],
  ['http where https was meant', system('EPROTO', 'write EPROTO wrong version number'), 'list', 'TRB-INVALID-CONFIG'],
  ['truncated XML', Object.assign(new SyntaxError('Unclosed tag'), { $metadata: { httpStatusCode: 200 } }), 'list', 'TRB-STORE-FAULT'],
  ['unreadable answer', new Error('Deserialization error: to see the raw response, inspect the hidden field {error}.$response'), 'list', 'TRB-STORE-FAULT'],
  ['error inside a 200', service(503, 'InternalError'), 'completeUpload', 'TRB-STORE-FAULT'],
  ['no credentials', Object.assign(new Error('Could not load credentials from any providers'), { name: 'CredentialsProviderError' }), 'list', 'TRB-BAD-CREDENTIALS'],
  ['no credentials for a source', Object.assign(new Error('Could not load'), { name: 'CredentialsProviderError' }), 'readInto', 'TRB-BAD-CREDENTIALS'],
  ['role that may not be assumed', Object.assign(new Error('not authorized'), { name: 'CredentialsProviderError', cause: service(403, 'AccessDenied') }), 'readInto', 'TRB-BAD-CREDENTIALS'],
  ['credentials service away', Object.assign(new Error('x'), { name: 'CredentialsProviderError', cause: system('ECONNREFUSED') }), 'list', 'TRB-STORE-UNREACHABLE'],
  ['defect of ours', new TypeError('x is not a function'), 'list', 'TRB-INTERNAL'],
  ['a text', 'boom', 'list', 'TRB-INTERNAL'],
  ['nothing', undefined, 'list', 'TRB-INTERNAL'],
];

describe('classifyStoreError', () => {
  it.each(ROWS)('%s', (_, error, operation, code) => {
    const classified = classify(error, operation);
    expect(classified.code).toBe(code);
    expect(classified.context).toMatchObject({ store: 'main', bucket: 'logs', key: 'a/b.log', operation: OPERATIONS[operation].api });
    expect(classified.message).not.toContain('\n');
    expect(classified.cause).toBe(error);
  });

  it('names store, bucket and key in the message', () => {
    for (const [, error, operation] of ROWS) {
      const { message } = classify(error, operation);
      expect(message).toContain('main');
      expect(message).toContain('logs');
    }
    expect(classify(service(403, 'AccessDenied'), 'put').message).toBe('s3://logs/a/b.log in store main may not be used like this: that needs s3:PutObject (AccessDenied, HTTP 403)');
    expect(classify(service(404, 'NoSuchBucket'), 'list').message).toBe('bucket logs does not exist in store main (NoSuchBucket, HTTP 404)');
  });

  it('gives callers the status they decide by, also where the error came inside a 200', () => {
    expect(classify(service(503, 'PreconditionFailed'), 'completeUpload').context).toMatchObject({ httpStatus: 412, storeCode: 'PreconditionFailed' });
    expect(classify(service(409, 'ConditionalRequestConflict'), 'put').context.httpStatus).toBe(409);
    expect(classify(system('ECONNRESET')).context).toMatchObject({ storeCode: 'ECONNRESET' });
  });

  it('returns an error of ours as it is, and the cause of an interrupted read', () => {
    const ours = new TributaryError('TRB-CANCELLED', 'stopped');
    expect(classify(ours)).toBe(ours);
    expect(classify(new InterruptedRead(5, ours))).toBe(ours);
    expect(classify(new InterruptedRead(5, system('ECONNRESET'))).code).toBe('TRB-STORE-UNREACHABLE');
  });

  it('does not go round in circles', () => {
    const circular = new Error('a') as Error & { cause: unknown };
    circular.cause = circular;
    expect(classify(circular).code).toBe('TRB-INTERNAL');
  });
});
