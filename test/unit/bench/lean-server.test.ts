/** The lean server answers the clients of the product as S3 does, in what the bench needs of it. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { crc32 } from '@node-rs/crc32';
import { Contents, findSet, sourcesOf } from '../../../bench/data-sets.ts';
import { serve } from '../../../bench/lean-http.ts';
import { LeanStore } from '../../../bench/lean-store.ts';
import { storeConfig } from '../../../src/contracts/config.ts';
import { createAwsStore } from '../../../src/stores/aws/store.ts';
import type { Body, ObjectStore } from '../../../src/stores/object-store.ts';
import { createSocketStore, type HotStore } from '../../../src/stores/socket/socket-store.ts';

const SET = findSet('small/20');
const LARGE = findSet('lines-10M/12');
const SEED = 3;
const lean = new LeanStore();
const contents = new Contents(SET, SEED);
let server: Awaited<ReturnType<typeof serve>>;
let sdk: ObjectStore;
let socket: HotStore;
let etags: readonly string[];

const bodyOf = (text: string): Body => ({ views: [Buffer.from(text)], sizeBytes: text.length, crc32: crc32(Buffer.from(text)) });

beforeAll(async () => {
  server = await serve(lean);
  lean.addBucket('target');
  etags = lean.addSources('source', SET, contents);
  lean.addSources('source', LARGE, new Contents(LARGE, SEED));
  const endpoint = `http://127.0.0.1:${server.port}`;
  const credentials = { accessKeyId: 'a', secretAccessKey: 's' };
  sdk = createAwsStore('lean', { ...storeConfig.parse({ endpoint, region: 'us-east-1' }), credentials });
  socket = createSocketStore('lean', { endpoint, region: 'us-east-1', pathStyle: true }, () => Promise.resolve(credentials));
});
afterAll(() => {
  sdk.close();
  socket.close();
  server.close();
});
beforeEach(() => {
  lean.keepsContent = true;
  lean.clear('target', '');
});

const adapters = [['the socket client', () => socket], ['the SDK', () => sdk]] as const;

describe.each(adapters)('reads by %s', (_, store) => {
  const [first] = [...sourcesOf(SET)];
  const small = { bucket: 'source', key: first!.key, sizeBytes: SET.objectBytes };
  const [large] = [...sourcesOf(LARGE)];

  it('bring the bytes that were made from the seed, whole and by range', async () => {
    const into = Buffer.alloc(SET.objectBytes);
    await store().readInto({ ...small, ifMatch: etags[0]!, offset: 0, lengthBytes: SET.objectBytes }, into);
    expect(into.equals(contents.stored(0))).toBe(true);
    const range = Buffer.alloc(1234);
    await store().readInto({ ...small, ifMatch: etags[0]!, offset: 500, lengthBytes: 1234 }, range);
    expect(range.equals(contents.stored(0).subarray(500, 1734))).toBe(true);
  });

  it('bring ranges of sources that are not kept', async () => {
    const [listed] = (await store().list({ bucket: 'source', prefix: large!.key })).objects;
    const into = Buffer.alloc(8 * 2 ** 20);
    await store().readInto({ bucket: 'source', key: large!.key, ifMatch: listed!.etag, offset: 3 * 2 ** 20, lengthBytes: into.length, sizeBytes: LARGE.objectBytes }, into);
    expect(into.equals(new Contents(LARGE, SEED).stored(large!.variant).subarray(3 * 2 ** 20, 11 * 2 ** 20))).toBe(true);
  });

  it('are refused where another version is asked for, or there is nothing', async () => {
    const into = Buffer.alloc(SET.objectBytes);
    const whole = { ...small, offset: 0, lengthBytes: SET.objectBytes };
    await expect(store().readInto({ ...whole, ifMatch: '"other"' }, into)).rejects.toMatchObject({ code: 'TRB-SOURCE-CHANGED' });
    await expect(store().readInto({ ...whole, key: 'none', ifMatch: etags[0]! }, into)).rejects.toMatchObject({ code: 'TRB-SOURCE-GONE' });
  });
});

describe.each(adapters)('the listing by %s', (_, store) => {
  const walk = async (request: { readonly bucket: string; readonly prefix: string; readonly maxKeys: number; readonly delimiter?: string }): Promise<string[]> => {
    const found: string[] = [];
    for (let continuationToken: string | undefined; ;) {
      const { objects, prefixes, next } = await store().list({ ...request, continuationToken });
      found.push(...objects.map(({ key }) => key), ...prefixes);
      if (next === undefined) return found;
      continuationToken = next;
    }
  };

  it('goes through all keys in order, page by page', async () => {
    const keys = [...sourcesOf(SET)].map(({ key }) => key);
    expect(await walk({ bucket: 'source', prefix: 'small-20/', maxKeys: 300 })).toEqual(keys);
    const { objects } = await store().list({ bucket: 'source', prefix: 'small-20/', startAfter: keys[10], maxKeys: 1 });
    expect(objects.map(({ key }) => key)).toEqual([keys[11]]);
  });

  it('folds what is behind a delimiter, once', async () => {
    for (const key of ['p/a', 'p/b/1', 'p/b/2', 'p/c/1', 'p/d', 'q']) await sdk.put({ bucket: 'target', key, body: bodyOf('x') });
    expect((await walk({ bucket: 'target', prefix: 'p/', delimiter: '/', maxKeys: 1 })).sort()).toEqual(['p/a', 'p/b/', 'p/c/', 'p/d']);
  });
});

describe('writes', () => {
  it('are made once, where that is asked for', async () => {
    const put = () => socket.put({ bucket: 'target', key: 'k', body: bodyOf('one'), ifNoneMatch: '*', metadata: { 'tributary-chunk': 'token' } });
    await put();
    await expect(put()).rejects.toMatchObject({ code: 'TRB-CHUNK-CONFLICT', context: { httpStatus: 412 } });
    expect(await sdk.head({ bucket: 'target', key: 'k' })).toMatchObject({ sizeBytes: 3, metadata: { 'tributary-chunk': 'token' } });
    expect((await sdk.get({ bucket: 'target', key: 'k' })).toString()).toBe('one');
    await sdk.delete({ bucket: 'target', key: 'k' });
    expect(await sdk.head({ bucket: 'target', key: 'k' })).toBeNull();
  });

  it('come together from their parts, in the order of their numbers', async () => {
    const to = { bucket: 'target', key: 'k' };
    const { uploadId } = await sdk.createUpload({ ...to, metadata: { 'tributary-chunk': 'token' } });
    const texts = ['first ', 'second'];
    const sent = await Promise.all(texts.map((text, index) => socket.uploadPart({ ...to, uploadId, partNumber: index + 1, body: bodyOf(text) })));
    expect(await sdk.listParts({ ...to, uploadId })).toMatchObject(texts.map((text, index) => ({ partNumber: index + 1, sizeBytes: text.length, crc32: bodyOf(text).crc32 })));
    expect(await sdk.listUploads({ bucket: 'target', prefix: '' })).toMatchObject([{ key: 'k', uploadId }]);
    const whole = bodyOf(texts.join(''));
    const complete = () => sdk.completeUpload({
      ...to, uploadId, parts: texts.map((text, index) => ({ partNumber: index + 1, etag: sent[index]!.etag, crc32: bodyOf(text).crc32 })), sizeBytes: whole.sizeBytes, crc32: whole.crc32, ifNoneMatch: '*',
    });
    await complete();
    expect(await sdk.head(to)).toMatchObject({ sizeBytes: 12, crc32: whole.crc32, metadata: { 'tributary-chunk': 'token' } });
    expect((await sdk.get(to)).toString()).toBe('first second');
    await expect(complete()).rejects.toMatchObject({ code: 'TRB-NO-SUCH-KEY' });
  });

  it('can be given up', async () => {
    const { uploadId } = await sdk.createUpload({ bucket: 'target', key: 'k' });
    await sdk.abortUpload({ bucket: 'target', key: 'k', uploadId });
    expect(await sdk.listParts({ bucket: 'target', key: 'k', uploadId })).toBeNull();
  });

  it('are kept by their length alone, but for control data', async () => {
    lean.keepsContent = false;
    await socket.put({ bucket: 'target', key: 'chunk', body: bodyOf('dropped') });
    await socket.put({ bucket: 'target', key: 'x/_tributary/spec.json', body: bodyOf('kept') });
    expect(await sdk.head({ bucket: 'target', key: 'chunk' })).toMatchObject({ sizeBytes: 7 });
    await expect(sdk.get({ bucket: 'target', key: 'chunk' })).rejects.toThrow();
    expect((await sdk.get({ bucket: 'target', key: 'x/_tributary/spec.json' })).toString()).toBe('kept');
  });
});
