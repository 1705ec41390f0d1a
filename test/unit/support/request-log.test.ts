import { describe, expect, it } from '@jest/globals';
import { RequestLog, rereadBytes, resentBytes, uploadsByKey, type LoggedRequest } from '../../support/request-log.ts';
import { readS3Head } from '../../support/s3-request.ts';

const seen = (log: RequestLog, method: string, url: string, bytes: number, range: string | null = null): LoggedRequest => {
  const request = log.begin(readS3Head(method, url, range), null);
  if (method === 'GET') request.answerBytes = bytes;
  else request.requestBytes = bytes;
  return request;
};

describe('the request log', () => {
  it('names what S3 calls each request', () => {
    const log = new RequestLog();
    for (const [method, url] of [
      ['GET', '/b?list-type=2&prefix=a%2F'], ['GET', '/b?uploads='], ['HEAD', '/b'], ['PUT', '/b'], ['GET', '/b/k'], ['HEAD', '/b/k'], ['PUT', '/b/k'], ['DELETE', '/b/k'],
      ['POST', '/b/k?uploads'], ['PUT', '/b/k?partNumber=1&uploadId=u'], ['POST', '/b/k?uploadId=u'], ['GET', '/b/k?uploadId=u'], ['DELETE', '/b/k?uploadId=u'], ['GET', '/health'],
    ] as const) seen(log, method, url, 0);
    expect(log.all.map(({ operation }) => operation)).toEqual([
      'ListObjectsV2', 'ListMultipartUploads', 'HeadBucket', 'CreateBucket', 'GetObject', 'HeadObject', 'PutObject', 'DeleteObject',
      'CreateMultipartUpload', 'UploadPart', 'CompleteMultipartUpload', 'ListParts', 'AbortMultipartUpload', 'Other',
    ]);
    expect(log.all[0]?.key).toBe('a/');
    expect(log.of('PutObject', 'k')).toHaveLength(1);
    expect(log.since(log.length - 1).map(({ operation }) => operation)).toEqual(['Other']);
  });

  it('counts what was sent and read again', () => {
    const log = new RequestLog();
    // Part 1: cut at 30 of 100, then whole, then whole again to another upload. Part 2 and the object once.
    for (const [number, bytes, upload] of [[1, 30, 'u'], [1, 100, 'u'], [1, 100, 'v'], [2, 50, 'v']] as const) seen(log, 'PUT', `/b/k?partNumber=${number}&uploadId=${upload}`, bytes);
    seen(log, 'PUT', '/b/small', 7);
    for (const [range, bytes] of [['bytes=0-9', 10], ['bytes=0-9', 4], ['bytes=10-19', 10]] as const) seen(log, 'GET', '/b/source', bytes, range);
    expect(resentBytes(log.all)).toBe(130);
    expect(rereadBytes(log.all)).toBe(4);
    expect([...uploadsByKey(log.all)]).toEqual([['k', ['u', 'v']]]);
  });
});
