/** What the lean client makes of answers to reads of artefacts, and to the begin and end of uploads. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { FallbackError } from '../../../src/stores/socket/failure.ts';
import type { Peer, ReceivedRequest } from '../../support/scripted-server.ts';
import { answer, failureOf, refusal, useSocketStore } from '../../support/socket-store-rig.ts';

const rig = useSocketStore();

describe('get', () => {
  const ref = { bucket: 'logs', key: 'a b/ü.json' };

  it('collects an object whole, of a declared length, in chunks, and an empty one', async () => {
    await rig.start([answer(200, { etag: '"e"' }, 'hello'), 'HTTP/1.1 200 OK\r\nETag: "e"\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n', answer(200, { etag: '"e"' })]);
    const got: string[] = [];
    for (let i = 0; i < 3; i++) got.push((await rig.store.get(ref)).toString());
    expect(got).toEqual(['hello', 'hello', '']);
    expect(rig.requests[0]).toMatchObject({ method: 'GET', path: '/logs/a%20b/%C3%BC.json' });
    expect(rig.requests[0]?.headers).not.toHaveProperty('if-match');
  });

  it('takes nothing that is larger than expected, nor a part of an object, nor what is none', async () => {
    await rig.start([answer(200, { etag: '"e"' }, 'hello'), answer(206, {}, 'hell'), answer(200, {})]);
    expect((await failureOf(rig.store.get(ref, { maxBytes: 4 }))).message).toMatch(/5 bytes where at most 4/);
    expect((await failureOf(rig.store.get(ref, { maxBytes: 4 }))).message).toMatch(/HTTP 206 where 200/);
    expect((await failureOf(rig.store.get(ref))).message).toMatch(/without an ETag/);
  });

  it('leaves what the end of the connection ends to the SDK, as it may have been cut off', async () => {
    await rig.start(['HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{"row":1}\n']);
    await expect(rig.store.get(ref)).rejects.toThrow(FallbackError);
  });

  it('says that there is none, or that it may not be read', async () => {
    await rig.start([refusal(404, 'NoSuchKey'), refusal(403, 'AccessDenied')]);
    expect((await failureOf(rig.store.get(ref))).code).toBe('TRB-NO-SUCH-KEY');
    expect((await failureOf(rig.store.get(ref))).code).toBe('TRB-ACCESS-DENIED');
  });
});

describe('createUpload', () => {
  const begun = '<?xml version="1.0"?>\n<InitiateMultipartUploadResult xmlns="x"><Bucket>logs</Bucket><Key>k</Key><UploadId>a&amp;b/+</UploadId></InitiateMultipartUploadResult>';

  it('begins an upload with the properties of the object and the checksum that it will have', async () => {
    await rig.start([answer(200, {}, begun)]);
    expect(await rig.store.createUpload({ bucket: 'logs', key: 'k', metadata: { token: 't' }, output: { storageClass: 'STANDARD_IA' } })).toEqual({ uploadId: 'a&b/+' });
    expect(rig.requests[0]).toMatchObject({ method: 'POST', path: '/logs/k?uploads=', body: Buffer.alloc(0) });
    expect(rig.requests[0]?.headers).toMatchObject({
      'content-length': '0', 'x-amz-checksum-algorithm': 'CRC32', 'x-amz-checksum-type': 'FULL_OBJECT', 'x-amz-meta-token': 't', 'x-amz-storage-class': 'STANDARD_IA',
    });
    expect(rig.requests[0]?.headers).not.toHaveProperty('content-type');
  });

  it.each([
    ['no upload id', '<InitiateMultipartUploadResult><Key>k</Key></InitiateMultipartUploadResult>'], ['an empty one', begun.replace('a&amp;b/+', '')],
    ['something else', '<html></html>'], ['nothing', ''], ['half of it', begun.slice(0, -20)], ['what is no entity', begun.replace('&amp;', '&nope;')],
  ])('leaves a success with %s to the SDK: an upload more is an empty one', async (_, body) => {
    await rig.start([answer(200, {}, body)]);
    await expect(rig.store.createUpload({ bucket: 'logs', key: 'k' })).rejects.toThrow(FallbackError);
  });

  it('takes the word of servers that call it differently', async () => {
    await rig.start([answer(200, {}, '<?xml version="1.0"?>\n<!-- a comment -->\n<CreateMultipartUploadOutput\n xmlns="x">\n <Key >k</Key >\n <UploadId> u </UploadId>\n</CreateMultipartUploadOutput >\n')]);
    expect(await rig.store.createUpload({ bucket: 'logs', key: 'k' })).toEqual({ uploadId: 'u' });
  });

  it('tells of an error inside a 200', async () => {
    await rig.start([answer(200, {}, '<Error><Code>SlowDown</Code></Error>')]);
    expect((await failureOf(rig.store.createUpload({ bucket: 'logs', key: 'k' }))).code).toBe('TRB-STORE-THROTTLED');
  });

  it('is not sent again on a new connection where a kept one is gone', async () => {
    await rig.start([answer(200, {}, begun), '', answer(200, {}, begun)]);
    await rig.store.createUpload({ bucket: 'logs', key: 'k' });
    expect((await failureOf(rig.store.createUpload({ bucket: 'logs', key: 'k' }))).code).toBe('TRB-STORE-UNREACHABLE');
    expect(rig.requests).toHaveLength(2);
  });
});

describe('completeUpload', () => {
  const request = {
    bucket: 'logs', key: 'k', uploadId: 'id/+=', sizeBytes: 9, crc32: 7, ifNoneMatch: '*',
    parts: [{ partNumber: 1, etag: '"a&<b>"', crc32: 1 }, { partNumber: 3, etag: 'plain', crc32: 0x80000000 }],
  } as const;
  const completed = '<CompleteMultipartUploadResult><Location>l</Location><ETag>&quot;whole-2&quot;</ETag></CompleteMultipartUploadResult>';

  it('names the parts and what the whole must be', async () => {
    await rig.start([answer(200, {}, completed)]);
    expect(await rig.store.completeUpload(request)).toEqual({ etag: '"whole-2"' });
    expect(rig.requests[0]).toMatchObject({ method: 'POST', path: '/logs/k?uploadId=id%2F%2B%3D' });
    expect(rig.requests[0]?.headers).toMatchObject({ 'x-amz-checksum-crc32': 'AAAABw==', 'x-amz-checksum-type': 'FULL_OBJECT', 'x-amz-mp-object-size': '9', 'if-none-match': '*' });
    expect(rig.requests[0]?.body.toString()).toBe('<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
      + '<Part><ETag>&quot;a&amp;&lt;b&gt;&quot;</ETag><ChecksumCRC32>AAAAAQ==</ChecksumCRC32><PartNumber>1</PartNumber></Part>'
      + '<Part><ETag>plain</ETag><ChecksumCRC32>gAAAAA==</ChecksumCRC32><PartNumber>3</PartNumber></Part></CompleteMultipartUpload>');
  });

  it('waits for a store that is silent, or keeps the answer alive with white space, longer than others may', async () => {
    const slow = async (_: ReceivedRequest, peer: Peer): Promise<string> => {
      await sleep(60);
      await peer.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n \r\n');
      await sleep(60);
      return `${completed.length.toString(16)}\r\n${completed}\r\n0\r\n\r\n`;
    };
    await rig.start([slow, slow], { timeouts: { firstByteMs: 20, idleBodyMs: 20 } });
    expect(await rig.store.completeUpload(request)).toEqual({ etag: '"whole-2"' });
    expect((await failureOf(rig.store.get(request))).code).toBe('TRB-STORE-UNREACHABLE');
  });

  it('waits behind interim answers that keep it alive', async () => {
    await rig.start([`${'HTTP/1.1 102 Processing\r\n\r\n'.repeat(100)}${answer(200, {}, completed)}`]);
    expect(await rig.store.completeUpload(request)).toEqual({ etag: '"whole-2"' });
  });

  it.each([
    ['an error inside a 200', answer(200, {}, ' \n<?xml version="1.0"?>\n<Error><Code>InternalError</Code><Message>Sorry.</Message></Error>'), 'TRB-STORE-FAULT'],
    ['a refusal inside a 200', answer(200, {}, '<Error><Code>PreconditionFailed</Code></Error>'), 'TRB-CHUNK-CONFLICT'],
    ['another writer', refusal(409, 'ConditionalRequestConflict'), 'TRB-CHUNK-CONFLICT'],
    ['an upload that is gone', refusal(404, 'NoSuchUpload'), 'TRB-NO-SUCH-KEY'],
    ['a success without an ETag', answer(200, {}, '<CompleteMultipartUploadResult></CompleteMultipartUploadResult>'), 'TRB-STORE-FAULT'],
    ['a success without anything', answer(200, {}), 'TRB-STORE-FAULT'],
    ['a success of something else', answer(200, {}, '<html></html>'), 'TRB-STORE-FAULT'],
    ['no answer', '', 'TRB-STORE-UNREACHABLE'],
  ])('tells of %s, and asks once', async (_, text, code) => {
    await rig.start([text]);
    expect((await failureOf(rig.store.completeUpload(request))).code).toBe(code);
    expect(rig.requests).toHaveLength(1);
  });
});
