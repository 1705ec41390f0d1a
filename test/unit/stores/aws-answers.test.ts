/** What the SDK adapter makes of servers that answer wrongly, and what it sends. */
import { getEventListeners } from 'node:events';
import { afterEach, describe, expect, it } from '@jest/globals';
import { storeConfig } from '../../../src/contracts/config.ts';
import { isTributaryError } from '../../../src/contracts/errors.ts';
import { createAwsStore } from '../../../src/stores/aws/store.ts';
import { bodyOf } from '../../../src/stores/body.ts';
import type { ObjectStore } from '../../../src/stores/object-store.ts';
import { startScriptedServer, until, type ReceivedRequest, type ScriptedServer } from '../../support/scripted-server.ts';

const opened: { server: ScriptedServer; store: ObjectStore }[] = [];

/** A store at a server that gives these answers, one after another, each on whatever connection it is asked. */
async function answering(...answers: readonly string[]): Promise<{ store: ObjectStore; seen: ReceivedRequest[]; server: ScriptedServer }> {
  const seen: ReceivedRequest[] = [];
  const left = [...answers];
  const server = await startScriptedServer(async (peer) => {
    for (let request = await peer.request(); request; request = await peer.request()) {
      seen.push(request);
      const answer = left.shift();
      if (answer === undefined) return;
      await peer.send(answer);
      if (answer.includes('Connection: close')) return;
    }
  });
  const config = { ...storeConfig.parse({ endpoint: `http://127.0.0.1:${server.port}`, region: 'us-east-1' }), credentials: { accessKeyId: 'key', secretAccessKey: 'secret' } };
  const store = createAwsStore('main', config);
  opened.push({ server, store });
  return { store, seen, server };
}

afterEach(async () => {
  for (const { server, store } of opened.splice(0)) {
    store.close();
    await server.close();
  }
});

const http = (status: string, headers: readonly string[], body = ''): string => [`HTTP/1.1 ${status}`, ...headers, `Content-Length: ${body.length}`, '', body].join('\r\n');
const source = { bucket: 'b', key: 'k', ifMatch: '"v1"', offset: 2, lengthBytes: 5, sizeBytes: 10 };
const outcome = async (work: Promise<unknown>): Promise<string> => {
  try {
    await work;
  } catch (error) {
    return isTributaryError(error) ? `${error.code}: ${error.message}` : String(error);
  }
  return 'ok';
};

describe('reads', () => {
  it.each([
    ['200 where a range was asked for', http('200 OK', ['ETag: "v1"'], '0123456789'), /HTTP 200 where 206/],
    ['another range', http('206 Partial Content', ['ETag: "v1"', 'Content-Range: bytes 0-4/10'], '01234'), /Content-Range "bytes 0-4\/10"/],
    ['a range of an object of another size', http('206 Partial Content', ['ETag: "v1"', 'Content-Range: bytes 2-6/99'], '23456'), /bytes 2-6\/99/],
    ['no Content-Range', http('206 Partial Content', ['ETag: "v1"'], '23456'), /Content-Range ""/],
    ['too short', http('206 Partial Content', ['ETag: "v1"', 'Content-Range: bytes 2-6/10'], '2345'), /4 bytes where 5/],
    ['too long', http('206 Partial Content', ['ETag: "v1"', 'Content-Range: bytes 2-6/10'], '234567'), /6 bytes where 5/],
  ])('are a fault of the store: %s', async (_, answer, message) => {
    const { store } = await answering(answer);
    const into = Buffer.alloc(5, '.');
    const said = await outcome(store.readInto(source, into));
    expect(said).toMatch(/^TRB-STORE-FAULT/);
    expect(said).toMatch(message);
    expect(into.toString()).toBe('.....');
  });

  it('and looks take no empty success for an object', async () => {
    const { store } = await answering(http('200 OK', []), http('200 OK', []), http('200 OK', ['ETag: "e"']), http('200 OK', ['Last-Modified: Sat, 28 Nov 2026 08:00:00 GMT']));
    const ref = { bucket: 'b', key: 'k' };
    expect(await outcome(store.head(ref))).toMatch(/^TRB-STORE-FAULT.*no ETag/);
    expect(await outcome(store.get(ref))).toMatch(/^TRB-STORE-FAULT.*no ETag/);
    expect(await store.get(ref)).toHaveLength(0);
    expect(await store.head(ref)).toMatchObject({ etag: '' });
  });

  it('and looks take what has no ETag, as a file that was laid into the folder of a gateway', async () => {
    const { store } = await answering(http('206 Partial Content', ['Content-Range: bytes 2-6/10'], '23456'));
    const into = Buffer.alloc(5);
    expect(await store.readInto(source, into)).toEqual({});
    expect(into.toString()).toBe('23456');
  });

  it('are of another version where the server ignores If-Match', async () => {
    const { store } = await answering(http('206 Partial Content', ['ETag: "v2"', 'Content-Range: bytes 2-6/10'], '23456'));
    expect(await outcome(store.readInto(source, Buffer.alloc(5)))).toMatch(/^TRB-SOURCE-CHANGED/);
  });

  it.each([
    ['a longer object', source, http('206 Partial Content', ['ETag: "v1"', 'Content-Range: bytes 2-6/99'], '23456'), 'WrongLength'],
    ['one that is said to be longer', { ...source, offset: 0, lengthBytes: 10 }, http('200 OK', ['ETag: "v1"'], '0123456789a'), 'WrongLength'],
    ['one that proves longer', { ...source, offset: 0, lengthBytes: 10 }, 'HTTP/1.1 200 OK\r\nETag: "v1"\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n0123456789a\r\n0\r\n\r\n', 'WrongLength'],
    ['all of it', source, http('200 OK', ['ETag: "v1"'], '0123456789'), 'WrongAnswer'],
    ['another range', source, http('206 Partial Content', ['ETag: "v1"', 'Content-Range: bytes 0-4/10'], '01234'), 'WrongAnswer'],
    ['a cut-off range', source, http('206 Partial Content', ['ETag: "v1"', 'Content-Range: bytes 2-6/10'], '2345'), 'WrongAnswer'],
  ] as const)('tell a source of another length from a store that answers wrongly: %s', async (_, request, answer, storeCode) => {
    const { store } = await answering(answer);
    await expect(store.readInto(request, Buffer.alloc(10))).rejects.toMatchObject({ code: 'TRB-STORE-FAULT', context: { storeCode } });
  });

  it('keep what arrived where a body ends too early, chunked ones too', async () => {
    for (const [head, body] of [
      ['Content-Length: 5', '234'],
      ['Transfer-Encoding: chunked', '3\r\n234\r\n0\r\n\r\n'],
    ]) {
      const { store } = await answering(`HTTP/1.1 206 Partial Content\r\nETag: "v1"\r\nContent-Range: bytes 2-6/10\r\nConnection: close\r\n${head}\r\n\r\n${body}`);
      const into = Buffer.alloc(5, '.');
      await expect(store.readInto(source, into)).rejects.toMatchObject({ name: 'InterruptedRead', receivedBytes: 3 });
      expect(into.toString()).toBe('234..');
    }
  });

  it('are whole where the connection breaks behind the last byte, before a chunked body says that it has ended', async () => {
    const { store } = await answering('HTTP/1.1 206 Partial Content\r\nETag: "v1"\r\nContent-Range: bytes 2-6/10\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n23456\r\n');
    const into = Buffer.alloc(5, '.');
    expect(await outcome(store.readInto(source, into))).toBe('ok');
    expect(into.toString()).toBe('23456');
  });

  it('do not write beyond what was asked for where a chunked body goes on', async () => {
    const { store } = await answering('HTTP/1.1 206 Partial Content\r\nETag: "v1"\r\nContent-Range: bytes 2-6/10\r\nTransfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n0\r\n\r\n');
    const into = Buffer.alloc(10, '.');
    expect(await outcome(store.readInto(source, into))).toMatch(/^TRB-STORE-FAULT: .*more bytes than were asked for/);
    expect(into.subarray(5).toString()).toBe('.....');
  });

  it('ask for the version, and for a range only where it is one', async () => {
    const { store, seen } = await answering(http('206 Partial Content', ['ETag: "v1"', 'Content-Range: bytes 2-6/10'], '23456'), http('200 OK', ['ETag: "v1"'], '0123456789'));
    await store.readInto(source, Buffer.alloc(5));
    await store.readInto({ ...source, offset: 0, lengthBytes: 10 }, Buffer.alloc(10));
    expect(seen.map(({ headers }) => [headers['range'], headers['if-match']])).toEqual([['bytes=2-6', '"v1"'], [undefined, '"v1"']]);
  });
});

describe('answers', () => {
  const complete = (store: ObjectStore): Promise<unknown> =>
    store.completeUpload({ bucket: 'b', key: 'k', uploadId: 'u', parts: [{ partNumber: 1, etag: '"p"', crc32: 1 }], sizeBytes: 1, crc32: 1, ifNoneMatch: '*' });

  it.each([
    ['an error inside a 200', '<?xml version="1.0"?>\n<Error><Code>InternalError</Code><Message>We encountered an internal error.</Message></Error>', /^TRB-STORE-FAULT.*InternalError/],
    ['a refusal inside a 200', '<Error><Code>PreconditionFailed</Code></Error>', /^TRB-CHUNK-CONFLICT/],
    ['nothing but the blanks that keep a connection open', '   ', /^TRB-STORE-FAULT/],
    ['no body', '', /^TRB-STORE-FAULT/],
    ['a body that is cut off', '<CompleteMultipartUploadResult><Bucket>b</Bu', /^TRB-STORE-FAULT/],
    ['no ETag', '<CompleteMultipartUploadResult><Bucket>b</Bucket></CompleteMultipartUploadResult>', /^TRB-STORE-FAULT.*no ETag/],
  ])('to Complete that are no clear success: %s', async (_, body, expected) => {
    const { store } = await answering(http('200 OK', ['Content-Type: application/xml'], body));
    expect(await outcome(complete(store))).toMatch(expected);
  });

  it('to LIST that cannot be trusted', async () => {
    const list = (entries: string): string => http('200 OK', [], `<ListBucketResult><Name>b</Name>${entries}</ListBucketResult>`);
    for (const answer of [
      list('<IsTruncated>true</IsTruncated>'), list('<IsTruncated>false</IsTruncated><Contents><Key>a</Key><Size>1</Size></Contents>'), http('200 OK', [], '<ListBucketResult><Contents><Key>a</Key>'),
    ]) {
      const { store } = await answering(answer);
      expect(await outcome(store.list({ bucket: 'b', prefix: '' }))).toMatch(/^TRB-STORE-FAULT/);
    }
  });

  it.each([
    ['nothing', http('200 OK', [])], ['204', 'HTTP/1.1 204 No Content\r\n\r\n'], ['nothing until the connection is closed', 'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n'],
    ['a page of a portal', http('200 OK', ['Content-Type: text/html'], '<html><body>one moment, please</body></html>')],
    ['another list', http('200 OK', [], '<ListAllMyBucketsResult><Buckets/></ListAllMyBucketsResult>')],
  ])('to LIST that are no listing end none: %s', async (_, answer) => {
    const { store } = await answering(answer, answer, answer);
    expect(await outcome(store.list({ bucket: 'b', prefix: '' }))).toMatch(/^TRB-STORE-FAULT.*no listing/);
    expect(await outcome(store.listParts({ bucket: 'b', key: 'k', uploadId: 'u' }))).toMatch(/^TRB-STORE-FAULT.*no listing/);
    expect(await outcome(store.listUploads({ bucket: 'b', prefix: '' }))).toMatch(/^TRB-STORE-FAULT.*no listing/);
  });

  it('to LIST of parts need not say that they are all, as those of S3Proxy', async () => {
    const { store } = await answering(http('200 OK', [], '<ListPartsResult><Bucket>b</Bucket><Key>k</Key><UploadId>u</UploadId></ListPartsResult>'));
    expect(await store.listParts({ bucket: 'b', key: 'k', uploadId: 'u' })).toEqual([]);
  });

  it('to LIST have keys as they are, encoded or not', async () => {
    const entry = (key: string): string => `<Contents><Key>${key}</Key><Size>1</Size><ETag>"e"</ETag><LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>`;
    const { store } = await answering(
      http('200 OK', [], `<ListBucketResult><IsTruncated>false</IsTruncated><EncodingType>url</EncodingType>${entry('a+b%2Bc%252F%01')}</ListBucketResult>`),
      http('200 OK', [], `<ListBucketResult><IsTruncated>false</IsTruncated>${entry('a+b%2Bc &amp; d')}</ListBucketResult>`),
    );
    expect((await store.list({ bucket: 'b', prefix: '' })).objects[0]?.key).toBe('a b+c%2F\u0001');
    expect((await store.list({ bucket: 'b', prefix: '' })).objects[0]?.key).toBe('a+b%2Bc & d');
  });

  it('that never end the pages of parts do not make us walk for ever', async () => {
    const page = http('200 OK', [], '<ListPartsResult><IsTruncated>true</IsTruncated><NextPartNumberMarker>1</NextPartNumberMarker><Part><PartNumber>1</PartNumber><Size>1</Size><ETag>"e"</ETag></Part></ListPartsResult>');
    const { store, seen } = await answering(page, page, page);
    expect(await outcome(store.listParts({ bucket: 'b', key: 'k', uploadId: 'u' }))).toMatch(/^TRB-STORE-FAULT.*do not end/);
    expect(seen).toHaveLength(2);
  });
});

describe('writes', () => {
  it('send a known length and a CRC32, and neither Expect nor a hash of the body', async () => {
    const { store, seen } = await answering(http('200 OK', ['ETag: "e"']), http('200 OK', ['ETag: "e"']));
    const large = Buffer.alloc(3 * 2 ** 20, 'x');
    await store.put({ bucket: 'b', key: 'a%2Fb c+ü//d', body: bodyOf(large), ifNoneMatch: '*' });
    await store.put({ bucket: 'b', key: 'k', body: { ...bodyOf('ab'), views: [Buffer.from('a'), Buffer.from('b')] } });
    expect(seen.map(({ path }) => path.split('?')[0])).toEqual(['/b/a%252Fb%20c%2B%C3%BC//d', '/b/k']);
    expect(seen.map(({ body }) => body.length)).toEqual([large.length, 2]);
    for (const { headers } of seen) {
      expect(headers).toMatchObject({ 'content-length': expect.stringMatching(/^\d+$/), 'x-amz-checksum-crc32': expect.stringMatching(/=$/), 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' });
      expect(headers).not.toHaveProperty('expect');
      expect(headers).not.toHaveProperty('transfer-encoding');
      expect(headers).not.toHaveProperty('content-encoding');
    }
    expect(seen[0]?.headers['if-none-match']).toBe('*');
  });

  it('keep their connection, but not that of a refused body', async () => {
    const refusal = http('412 Precondition Failed', [], '<Error><Code>PreconditionFailed</Code></Error>');
    const { store, server } = await answering(http('200 OK', ['ETag: "e"']), http('200 OK', ['ETag: "e"']), refusal, http('200 OK', ['ETag: "e"']));
    const put = (): Promise<string> => outcome(store.put({ bucket: 'b', key: 'k', body: bodyOf('x'), ifNoneMatch: '*' }));
    expect([await put(), await put()]).toEqual(['ok', 'ok']);
    expect(server.accepted()).toBe(1);
    expect(await put()).toMatch(/^TRB-CHUNK-CONFLICT/);
    expect(await put()).toBe('ok');
    expect(server.accepted()).toBe(2);
  });

  it('put the properties of objects where S3 expects them', async () => {
    const { store, seen } = await answering(http('200 OK', ['ETag: "e"']));
    await store.put({
      bucket: 'b', key: 'k', body: bodyOf('x'), metadata: { 'tributary-chunk': 's/g/1', owner: 'run' },
      output: { contentType: 'text/plain', storageClass: 'STANDARD_IA', encryption: { type: 'kms', key: 'arn:k', bucketKey: true }, tags: { 'a b': 'c&d' }, metadata: { owner: 'me' } },
    });
    expect(seen[0]?.headers).toMatchObject({
      'content-type': 'text/plain', 'x-amz-storage-class': 'STANDARD_IA', 'x-amz-server-side-encryption': 'aws:kms', 'x-amz-server-side-encryption-aws-kms-key-id': 'arn:k',
      'x-amz-server-side-encryption-bucket-key-enabled': 'true', 'x-amz-tagging': 'a%20b=c%26d', 'x-amz-meta-owner': 'run', 'x-amz-meta-tributary-chunk': 's/g/1',
    });
  });

  it('of a stream in several parts create its upload with them', async () => {
    const { store, seen } = await answering(
      http('200 OK', [], '<InitiateMultipartUploadResult><Bucket>b</Bucket><Key>k</Key><UploadId>u</UploadId></InitiateMultipartUploadResult>'),
      http('200 OK', ['ETag: "1"']), http('200 OK', ['ETag: "2"']),
      http('200 OK', [], '<CompleteMultipartUploadResult><ETag>"e"</ETag></CompleteMultipartUploadResult>'),
    );
    await store.putStream({ bucket: 'b', key: 'k', output: { encryption: { type: 's3' } }, content: async function* () { yield Buffer.alloc(6 * 2 ** 20, 'x'); } });
    expect(seen.map(({ method, path }) => `${method} ${path.replace(/[&?]x-id=\w+/, '')}`)).toEqual(['POST /b/k?uploads=', 'PUT /b/k?partNumber=1&uploadId=u', 'PUT /b/k?partNumber=2&uploadId=u', 'POST /b/k?uploadId=u']);
    expect(seen[0]?.headers['x-amz-server-side-encryption']).toBe('AES256');
  });
});

it('calls leave nothing behind on the signal that they share', async () => {
  const { store } = await answering(...Array.from({ length: 41 }, () => http('200 OK', ['ETag: "v1"'], '0123456789')));
  const { signal } = new AbortController();
  await Promise.all(Array.from({ length: 40 }, (_, n) => store.put({ bucket: 'b', key: `k${n}`, body: bodyOf('x') }, { signal })));
  await store.readInto({ ...source, offset: 0, lengthBytes: 10 }, Buffer.alloc(10), { signal });
  await until(() => getEventListeners(signal, 'abort').length === 0);
});
