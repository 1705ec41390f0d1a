import { describe, expect, it } from '@jest/globals';
import { crc32 } from 'node:zlib';
import { InterruptedRead, type Body, type ReadRequest } from '../../../src/stores/object-store.ts';
import { FallbackError } from '../../../src/stores/socket/failure.ts';
import { answer, failureOf, IDENTITY, refusal, useSocketStore } from '../../support/socket-store-rig.ts';

const rig = useSocketStore();

const bodyOf = (...texts: string[]): Body => {
  const views = texts.map((text) => Buffer.from(text));
  return { views, sizeBytes: Buffer.concat(views).length, crc32: crc32(Buffer.concat(views)) };
};

const ETAG = '"e-1"';
const range: ReadRequest = { bucket: 'logs', key: 'a b/ü.log', ifMatch: ETAG, offset: 2, lengthBytes: 5, sizeBytes: 10 };
const whole: ReadRequest = { ...range, offset: 0, lengthBytes: 10 };
const ranged = (headers: Readonly<Record<string, string>> = {}, body = 'hello'): string => answer(206, { etag: ETAG, 'content-range': 'bytes 2-6/10', ...headers }, body);

describe('readInto', () => {
  it('asks for a range of one version, and lands it at the start of the buffer', async () => {
    await rig.start([ranged()]);
    const into = Buffer.alloc(8, '-');
    expect(await rig.store.readInto(range, into)).toEqual({});
    expect(into.toString()).toBe('hello---');
    expect(rig.requests[0]).toMatchObject({ method: 'GET', path: '/logs/a%20b/%C3%BC.log', headers: { 'if-match': ETAG, range: 'bytes=2-6', 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' } });
    expect(rig.requests[0]?.headers['authorization']).toMatch(/SignedHeaders=host;if-match;range;x-amz-content-sha256;x-amz-date,/);
    expect(rig.requests[0]?.headers).not.toHaveProperty('x-amz-checksum-mode');
  });

  it('asks for all of an object without a range, and hands on the CRC of the whole where the store keeps one', async () => {
    const all = (headers: Readonly<Record<string, string>>): string => answer(200, { etag: ETAG, ...headers }, 'helloworld');
    await rig.start([
      all({ 'x-amz-checksum-crc32': 'AAAAAQ==', 'x-amz-checksum-type': 'FULL_OBJECT' }), all({ 'x-amz-checksum-crc32': 'gAAAAA==' }),
      all({ 'x-amz-checksum-crc32': 'AAAAAQ==-2' }), all({ 'x-amz-checksum-crc32': 'AAAAAQ==', 'x-amz-checksum-type': 'COMPOSITE' }), all({}),
    ]);
    const results = [];
    for (let i = 0; i < 5; i++) results.push(await rig.store.readInto(whole, Buffer.alloc(10)));
    expect(results).toEqual([{ objectCrc32: 1 }, { objectCrc32: 0x80000000 }, {}, {}, {}]);
    expect(rig.requests[0]?.headers).toMatchObject({ 'x-amz-checksum-mode': 'ENABLED' });
    expect(rig.requests[0]?.headers).not.toHaveProperty('range');
    expect(rig.server.accepted()).toBe(1);
  });

  const wrong: Record<string, [string, string]> = {
    'all of the object where a range was asked for': [answer(200, { etag: ETAG }, 'helloworld'), 'TRB-STORE-FAULT'],
    'another range': [ranged({ 'content-range': 'bytes 3-7/10' }), 'TRB-STORE-FAULT'],
    'a range of an object of another size': [ranged({ 'content-range': 'bytes 2-6/11' }), 'TRB-STORE-FAULT'],
    'no range': [answer(206, { etag: ETAG }, 'hello'), 'TRB-STORE-FAULT'],
    'another length': [ranged({}, 'hell'), 'TRB-STORE-FAULT'],
    'another version, as a store does that ignores If-Match': [ranged({ etag: '"e-2"' }), 'TRB-SOURCE-CHANGED'],
    'precondition failed': [refusal(412, 'PreconditionFailed'), 'TRB-SOURCE-CHANGED'],
    'no such key': [refusal(404, 'NoSuchKey'), 'TRB-SOURCE-GONE'],
    'no such bucket': [refusal(404, 'NoSuchBucket'), 'TRB-NO-SUCH-BUCKET'],
    'access denied': [refusal(403, 'AccessDenied'), 'TRB-SOURCE-DENIED'],
    'slow down': [refusal(503, 'SlowDown'), 'TRB-STORE-THROTTLED'],
    'an error without a body': [answer(500, {}), 'TRB-STORE-FAULT'],
    'an error in chunks': ['HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n28\r\n<Error><Code>NoSuchKey</Code></Error>   \r\n0\r\n\r\n', 'TRB-SOURCE-GONE'],
  };
  for (const [name, [text, code]] of Object.entries(wrong)) {
    it(`refuses ${name}`, async () => {
      await rig.start([text]);
      const into = Buffer.alloc(10, '-');
      const error = await failureOf(rig.store.readInto(range, into));
      expect(error.code).toBe(code);
      expect(error.context).toMatchObject({ store: 'test', bucket: 'logs', key: range.key, operation: 'GetObject' });
      expect(into.toString()).toBe('----------');
    });
  }

  it('takes what has no ETag, as a file that was laid into the folder of a gateway', async () => {
    await rig.start([answer(206, { 'content-range': 'bytes 2-6/10' }, 'hello')]);
    const into = Buffer.alloc(5);
    expect(await rig.store.readInto(range, into)).toEqual({});
    expect(into.toString()).toBe('hello');
  });

  it('tells a source of another length from a store that answers wrongly', async () => {
    await rig.start([ranged({ 'content-range': 'bytes 2-6/11' }), answer(200, { etag: ETAG }, 'hello'), ranged({ 'content-range': 'bytes 3-7/10' }), ranged({}, 'hell')]);
    const codes: unknown[] = [];
    for (const request of [range, whole, range, range]) codes.push((await failureOf(rig.store.readInto(request, Buffer.alloc(10)))).context.storeCode);
    expect(codes).toEqual(['WrongLength', 'WrongLength', 'WrongAnswer', 'WrongAnswer']);
  });

  it('hands on what the store says about an error', async () => {
    await rig.start([refusal(404, 'NoSuchKey')]);
    expect((await failureOf(rig.store.readInto(range, Buffer.alloc(5)))).context).toMatchObject({ httpStatus: 404, storeCode: 'NoSuchKey' });
  });

  it('says how far a read came that broke, and why', async () => {
    await rig.start([async (_, peer) => { await peer.send(ranged().slice(0, -2)); return ''; }]);
    const into = Buffer.alloc(5, '-');
    const error: unknown = await rig.store.readInto(range, into).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(InterruptedRead);
    expect(error).toMatchObject({ receivedBytes: 3, cause: { code: 'TRB-STORE-UNREACHABLE', context: { key: range.key, storeCode: 'ECONNRESET' } } });
    expect(into.toString()).toBe('hel--');
  });

  it('is unreachable, not interrupted, where no byte of the body came', async () => {
    await rig.start(['']);
    expect(await failureOf(rig.store.readInto(range, Buffer.alloc(5)))).toMatchObject({ code: 'TRB-STORE-UNREACHABLE', context: { storeCode: 'ECONNRESET' } });
  });

  it('rejects with the reason of the signal, also where bytes had come', async () => {
    const controller = new AbortController();
    const reason = new Error('given up');
    await rig.start([async (_, peer) => { await peer.send(ranged().slice(0, -2)); controller.abort(reason); await peer.gone(); return ''; }]);
    await expect(rig.store.readInto(range, Buffer.alloc(5), { signal: controller.signal })).rejects.toBe(reason);
  });

  const odd: Record<string, string> = {
    'chunks': `HTTP/1.1 206 Partial Content\r\netag: ${ETAG}\r\ncontent-range: bytes 2-6/10\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`,
    'no length': `HTTP/1.1 206 Partial Content\r\netag: ${ETAG}\r\ncontent-range: bytes 2-6/10\r\n\r\nhello`,
    'two lengths': ranged({ 'Content-Length': '6' }),
    'a redirect': refusal(307, 'TemporaryRedirect', { location: 'http://elsewhere/' }),
    'a head without end': `HTTP/1.1 206 Partial Content\r\nx: ${'x'.repeat(70_000)}`,
    'something that is not HTTP': '220 ready\r\n\r\n',
  };
  for (const [name, text] of Object.entries(odd)) {
    it(`leaves ${name} to the SDK`, async () => {
      await rig.start([text]);
      const into = Buffer.alloc(5, '-');
      await expect(rig.store.readInto(range, into)).rejects.toThrow(FallbackError);
      expect(into.toString()).toBe('-----');
    });
  }

  it('tells who watches a read how it ended, once', async () => {
    const told: string[] = [];
    const watcher = {
      answered: () => { told.push('answered'); },
      refused: async (error: Error) => {
        told.push(error.name);
        return { objectCrc32: 7 };
      },
    };
    const read = () => rig.store.readInto(range, Buffer.alloc(5), undefined, watcher);
    await rig.start([ranged(), refusal(404, 'NoSuchKey'), ranged({ 'Content-Length': '6' })]);
    expect(await read()).toEqual({});
    await expect(read()).rejects.toMatchObject({ code: 'TRB-SOURCE-GONE' });
    expect(await read()).toEqual({ objectCrc32: 7 });
    expect(told).toEqual(['answered', 'answered', 'FallbackError']);
  });

  it('leaves odd buckets, keys and versions to the SDK before anything is sent', async () => {
    await rig.start([ranged()]);
    for (const request of [{ ...range, bucket: 'x--use1-az4--x-s3' }, { ...range, key: '\ud800' }, { ...range, ifMatch: '"ü"' }]) {
      await expect(rig.store.readInto(request, Buffer.alloc(5))).rejects.toThrow(FallbackError);
    }
    expect(rig.server.accepted()).toBe(0);
  });

  it('refuses a buffer that is too small', async () => {
    await rig.start([ranged()]);
    await expect(rig.store.readInto(range, Buffer.alloc(4))).rejects.toThrow(/room for 4 of 5 bytes/);
    expect(rig.server.accepted()).toBe(0);
  });
});

describe('put', () => {
  const written = answer(200, { etag: '"new"' });

  it('sends the views with their CRC, and the object that is not to be overwritten', async () => {
    await rig.start([written]);
    const body = bodyOf('one\n', '', 'two\n');
    expect(await rig.store.put({ bucket: 'logs', key: 'k', body, ifNoneMatch: '*' })).toEqual({ etag: '"new"' });
    expect(rig.requests[0]).toMatchObject({ method: 'PUT', path: '/logs/k', body: Buffer.from('one\ntwo\n') });
    const crc = Buffer.alloc(4);
    crc.writeUInt32BE(body.crc32);
    expect(rig.requests[0]?.headers).toMatchObject({ 'content-length': '8', 'content-type': 'application/octet-stream', 'if-none-match': '*', 'x-amz-checksum-crc32': crc.toString('base64') });
  });

  it('sends an empty object', async () => {
    await rig.start([written]);
    await rig.store.put({ bucket: 'logs', key: 'k', body: bodyOf() });
    expect(rig.requests[0]?.headers).toMatchObject({ 'content-length': '0', 'x-amz-checksum-crc32': 'AAAAAA==' });
    expect(rig.requests[0]?.headers).not.toHaveProperty('if-none-match');
  });

  it('sends every output option, and metadata of the caller before that of the run', async () => {
    await rig.start([written]);
    await rig.store.put({
      bucket: 'logs', key: 'k', body: bodyOf('x'), metadata: { token: 'a b', both: 'caller' },
      output: { contentType: 'text/plain', storageClass: 'STANDARD_IA', encryption: { type: 'kms', key: 'arn:aws:kms:x', bucketKey: true }, tags: { 'a b': 'ü', c: '' }, metadata: { team: 'x', both: 'run' } },
    });
    await rig.store.put({ bucket: 'logs', key: 'k', body: bodyOf('x'), output: { encryption: { type: 's3' } } });
    expect(rig.requests[0]?.headers).toMatchObject({
      'content-type': 'text/plain', 'x-amz-storage-class': 'STANDARD_IA', 'x-amz-server-side-encryption': 'aws:kms', 'x-amz-server-side-encryption-aws-kms-key-id': 'arn:aws:kms:x',
      'x-amz-server-side-encryption-bucket-key-enabled': 'true', 'x-amz-tagging': 'a%20b=%C3%BC&c=', 'x-amz-meta-token': 'a b', 'x-amz-meta-team': 'x', 'x-amz-meta-both': 'caller',
    });
    expect(rig.requests[1]?.headers).toMatchObject({ 'x-amz-server-side-encryption': 'AES256' });
  });

  it('does not let an option break out of its header', async () => {
    await rig.start([written]);
    await expect(rig.store.put({ bucket: 'logs', key: 'k', body: bodyOf('x'), output: { contentType: 'text/plain\r\nx-amz-acl: public-read' } })).rejects.toThrow(FallbackError);
    expect(rig.server.accepted()).toBe(0);
  });

  it('refuses a body whose length is not the one that was announced', async () => {
    await rig.start([written]);
    await expect(rig.store.put({ bucket: 'logs', key: 'k', body: { ...bodyOf('abc'), sizeBytes: 2 } })).rejects.toThrow(/3 bytes where 2/);
    expect(rig.server.accepted()).toBe(0);
  });

  const refused: Record<string, [string, string, number]> = {
    'an object in the way': [refusal(412, 'PreconditionFailed'), 'TRB-CHUNK-CONFLICT', 412],
    'another writer': [refusal(409, 'ConditionalRequestConflict'), 'TRB-CHUNK-CONFLICT', 409],
    'a denied write': [refusal(403, 'AccessDenied'), 'TRB-ACCESS-DENIED', 403],
    'a wrong secret': [refusal(403, 'SignatureDoesNotMatch'), 'TRB-BAD-CREDENTIALS', 403],
    'a body that was changed on its way': [refusal(400, 'BadDigest'), 'TRB-STORE-FAULT', 400],
  };
  for (const [name, [text, code, httpStatus]] of Object.entries(refused)) {
    it(`says so of ${name}, and never uses that connection again`, async () => {
      await rig.start([text]);
      const error = await failureOf(rig.store.put({ bucket: 'logs', key: 'k', body: bodyOf('x'), ifNoneMatch: '*' }));
      expect({ code: error.code, httpStatus: error.context.httpStatus }).toEqual({ code, httpStatus });
      expect(rig.store.connections().open).toBe(0);
    });
  }

  it('does not believe a success without an ETag', async () => {
    await rig.start([answer(200, {}), answer(204, { etag: '"x"' })]);
    for (let i = 0; i < 2; i++) expect((await failureOf(rig.store.put({ bucket: 'logs', key: 'k', body: bodyOf('x') }))).code).toBe('TRB-STORE-FAULT');
  });

  it('is not sent again where the answer is lost, malformed or missing, because it may have been done', async () => {
    await rig.start([written, '', written, 'garbage\r\n\r\n']);
    const request = { bucket: 'logs', key: 'k', body: bodyOf('x'), ifNoneMatch: '*' } as const;
    await rig.store.put(request);
    expect((await failureOf(rig.store.put(request))).code).toBe('TRB-STORE-UNREACHABLE');
    await rig.store.put(request);
    expect((await failureOf(rig.store.put(request))).code).toBe('TRB-STORE-FAULT');
    expect(rig.requests).toHaveLength(4);
  });

  it('leaves a redirect to the SDK', async () => {
    await rig.start([refusal(307, 'TemporaryRedirect')]);
    await expect(rig.store.put({ bucket: 'logs', key: 'k', body: bodyOf('x') })).rejects.toThrow(FallbackError);
  });
});

describe('uploadPart', () => {
  const part = { bucket: 'logs', key: 'k', uploadId: 'id/+=', partNumber: 12, body: bodyOf('part') };

  it('sends a part with its CRC', async () => {
    await rig.start([answer(200, { etag: '"p"' })]);
    expect(await rig.store.uploadPart(part)).toEqual({ etag: '"p"' });
    expect(rig.requests[0]).toMatchObject({ path: '/logs/k?partNumber=12&uploadId=id%2F%2B%3D', body: Buffer.from('part') });
    expect(rig.requests[0]?.headers).toHaveProperty('x-amz-checksum-crc32');
    expect(rig.requests[0]?.headers).not.toHaveProperty('content-type');
  });

  it('is sent again on a new connection where a kept one is gone', async () => {
    await rig.start([answer(200, { etag: '"p"' }), '', answer(200, { etag: '"q"' })]);
    await rig.store.uploadPart(part);
    expect(await rig.store.uploadPart(part)).toEqual({ etag: '"q"' });
    expect(rig.requests.map((request) => request.body.toString())).toEqual(['part', 'part', 'part']);
  });

  it('says that the upload is gone', async () => {
    await rig.start([refusal(404, 'NoSuchUpload')]);
    expect((await failureOf(rig.store.uploadPart(part))).code).toBe('TRB-NO-SUCH-KEY');
  });
});

describe('list', () => {
  const page = '<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated><NextContinuationToken>t/2=</NextContinuationToken>'
    + '<Contents><Key>a+b%2B%C3%BC</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>&quot;e&quot;</ETag><Size>7</Size></Contents><CommonPrefixes><Prefix>p%20/</Prefix></CommonPrefixes></ListBucketResult>';
  const listed = { objects: [{ key: 'a b+ü', sizeBytes: 7, etag: '"e"', modifiedMs: Date.UTC(2026, 0, 1) }], prefixes: ['p /'], next: 't/2=' };

  it('asks for a page, and for the next', async () => {
    await rig.start([answer(200, {}, page)]);
    expect(await rig.store.list({ bucket: 'logs', prefix: 'a b/', startAfter: 'a b/+', maxKeys: 7, delimiter: '/' })).toEqual(listed);
    await rig.store.list({ bucket: 'logs', prefix: '', startAfter: 'ignored', continuationToken: 't/2=' });
    expect(rig.requests.map(({ path }) => path)).toEqual([
      '/logs/?delimiter=%2F&encoding-type=url&list-type=2&max-keys=7&prefix=a%20b%2F&start-after=a%20b%2F%2B', '/logs/?continuation-token=t%2F2%3D&encoding-type=url&list-type=2&prefix=',
    ]);
  });

  it('reads a page in chunks', async () => {
    await rig.start([`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\n${page.slice(0, 100)}\r\n${(page.length - 100).toString(16)}\r\n${page.slice(100)}\r\n0\r\n\r\n`]);
    expect(await rig.store.list({ bucket: 'logs', prefix: '' })).toEqual(listed);
  });

  it('leaves what it cannot read to the SDK', async () => {
    await rig.start([answer(200, {}, page.slice(0, -3)), answer(200, {}, '<Error><Code>InternalError</Code></Error>')]);
    for (let i = 0; i < 2; i++) await expect(rig.store.list({ bucket: 'logs', prefix: '' })).rejects.toThrow(FallbackError);
  });

  it('says that a bucket does not exist, or may not be listed', async () => {
    await rig.start([refusal(404, 'NoSuchBucket'), refusal(403, 'AccessDenied')]);
    expect((await failureOf(rig.store.list({ bucket: 'logs', prefix: '' }))).code).toBe('TRB-NO-SUCH-BUCKET');
    expect((await failureOf(rig.store.list({ bucket: 'logs', prefix: '' }))).code).toBe('TRB-ACCESS-DENIED');
  });
});

describe('clock and credentials', () => {
  const serverMs = Date.UTC(2026, 5, 1, 12);
  const tooSkewed = refusal(403, 'RequestTimeTooSkewed', { date: new Date(serverMs).toUTCString() });

  it('takes the time of the store where ours is wrong, and asks again, once', async () => {
    await rig.start([tooSkewed, ranged(), ranged(), tooSkewed, tooSkewed], { now: () => Date.UTC(2020, 0, 1) });
    await rig.store.readInto(range, Buffer.alloc(5));
    await rig.store.readInto(range, Buffer.alloc(5));
    expect(rig.requests.map(({ headers }) => headers['x-amz-date'])).toEqual(['20200101T000000Z', '20260601T120000Z', '20260601T120000Z']);
    expect((await failureOf(rig.store.readInto(range, Buffer.alloc(5)))).code).toBe('TRB-BAD-CREDENTIALS');
    expect(rig.requests).toHaveLength(5);
  });

  it('adjusts once for requests that were refused together', async () => {
    await rig.start([tooSkewed, tooSkewed, tooSkewed, ranged()], { now: () => Date.UTC(2020, 0, 1) });
    await Promise.all([1, 2, 3].map(() => rig.store.readInto(range, Buffer.alloc(5))));
    expect(rig.requests).toHaveLength(6);
  });

  it('asks for credentials before each request, so that new ones are taken', async () => {
    let count = 0;
    await rig.start([ranged()], {}, () => Promise.resolve({ ...IDENTITY, accessKeyId: `key-${count++}`, sessionToken: `token-${count}` }));
    await rig.store.readInto(range, Buffer.alloc(5));
    await rig.store.readInto(range, Buffer.alloc(5));
    expect(rig.requests.map(({ headers }) => [headers['authorization']?.includes('key-0/'), headers['x-amz-security-token']])).toEqual([[true, 'token-1'], [false, 'token-2']]);
  });

  it('makes an error of ours of credentials that cannot be had', async () => {
    await rig.start([ranged()], {}, () => Promise.reject(Object.assign(new Error('no profile'), { name: 'CredentialsProviderError' })));
    expect((await failureOf(rig.store.readInto(range, Buffer.alloc(5)))).code).toBe('TRB-BAD-CREDENTIALS');
  });
});
