/** Sessions on a real server whose connections break, whose refusals get lost, and which dies and comes back. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { crc32 } from '@node-rs/crc32';
import type { StoreConfig } from '../../src/contracts/config.ts';
import { createRegistry } from '../../src/stores/create-registry.ts';
import type { ObjectStore } from '../../src/stores/object-store.ts';
import { probeCapabilities } from '../../src/stores/probe.ts';
import type { StoreRegistry, StoreSession } from '../../src/stores/registry.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { startTestServer, type TestServer } from '../support/versitygw.ts';
import { bodyOf, errorOf, newBucket, patternBytes } from './conformance/harness.ts';

const STRANGER = { accessKeyId: 'stranger', secretAccessKey: 'secret-of-stranger' };

describe.each(['sdk', 'auto'] as const)('a session, adapter %s', (adapter: StoreConfig['adapter']) => {
  let server: TestServer;
  let proxy: TcpProxy;
  let registry: StoreRegistry;
  const session = (name: string): StoreSession => registry.session(name, { patience: 'forever' });
  const store = (name = 'direct'): ObjectStore => session(name).store;

  beforeAll(async () => {
    server = await startTestServer();
    proxy = await startTcpProxy(server.endpoint);
    await server.createAccount(STRANGER);
    registry = createRegistry({
      direct: server.config({ adapter }), proxied: server.config({ adapter, endpoint: proxy.endpoint }),
      stranger: server.config({ adapter, account: STRANGER }), unknownKey: server.config({ adapter, account: { accessKeyId: 'nobody', secretAccessKey: 'x' } }),
    });
  });
  afterAll(async () => {
    registry.close();
    await proxy.close();
    await server.stop();
  });

  it('reads on from the byte it reached, however often the connection breaks', async () => {
    const content = patternBytes(4 * 2 ** 20);
    const bucket = await newBucket(store());
    const { etag } = await store().put({ bucket, key: 'k', body: bodyOf(content) });
    const reading = session('proxied');
    const into = Buffer.alloc(content.length);
    proxy.cutAnswerAfter(1_000_000, 3);
    await reading.store.readInto({ bucket, key: 'k', ifMatch: etag, offset: 0, lengthBytes: content.length, sizeBytes: content.length }, into);
    expect(into.equals(content)).toBe(true);
    expect(reading.requests.get).toBe(4);
    expect(reading.retries()).toBe(3);
  });

  it('finds the reason of a refused body behind the connection that it broke', async () => {
    const bucket = await newBucket(store());
    const body = bodyOf(patternBytes(8 * 2 ** 20));
    await store().put({ bucket, key: 'taken', body: bodyOf('first') });
    for (let n = 0; n < 5; n += 1) {
      expect((await errorOf(store().put({ bucket, key: 'taken', body, ifNoneMatch: '*' }))).code).toBe('TRB-CHUNK-CONFLICT');
      expect((await errorOf(store('stranger').put({ bucket, key: 'new', body, ifNoneMatch: '*' }))).code).toBe('TRB-ACCESS-DENIED');
      expect((await errorOf(store('unknownKey').put({ bucket, key: 'new', body }))).code).toBe('TRB-BAD-CREDENTIALS');
      expect((await errorOf(store().put({ bucket: 'no-such-bucket', key: 'new', body }))).code).toBe('TRB-NO-SUCH-BUCKET');
      expect((await errorOf(store().uploadPart({ bucket, key: 'new', uploadId: 'no-such-upload', partNumber: 1, body }))).code).toBe('TRB-NO-SUCH-KEY');
    }
    expect((await store().get({ bucket, key: 'taken' })).toString()).toBe('first');
    expect(await store().listUploads({ bucket, prefix: '' })).toEqual([]);
  });

  it('goes on when a server that died comes back, and says meanwhile what it waits for', async () => {
    const bucket = await newBucket(store());
    const live = session('direct');
    const { store: waiting } = live;
    const { uploadId } = await waiting.createUpload({ bucket, key: 'k' });
    const body = bodyOf(patternBytes(100_000));
    await server.kill();
    const part = waiting.uploadPart({ bucket, key: 'k', uploadId, partNumber: 1, body });
    while (live.waitingFor() === null) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(live.waitingFor()).toMatch(/^store direct cannot be reached: /);
    await server.start();
    const { etag } = await part;
    await waiting.completeUpload({ bucket, key: 'k', uploadId, parts: [{ partNumber: 1, etag, crc32: body.crc32 }], sizeBytes: body.sizeBytes, crc32: body.crc32, ifNoneMatch: '*' });
    expect(crc32(await waiting.get({ bucket, key: 'k' }))).toBe(body.crc32);
    expect(live.waitingFor()).toBeNull();
  });

  it('finds out what the store can do, and leaves nothing behind', async () => {
    const bucket = await newBucket(store());
    expect(await probeCapabilities(store(), bucket, '_tributary/')).toEqual({ createOnce: true });
    expect((await store().list({ bucket, prefix: '' })).objects).toEqual([]);
    expect(await store().listUploads({ bucket, prefix: '' })).toEqual([]);
  });

  it('counts the requests that the server saw', async () => {
    const bucket = await newBucket(store());
    const { store: counted, requests } = session('direct');
    const { etag } = await counted.put({ bucket, key: 'a/b', body: bodyOf('hello') });
    for (let n = 0; n < 5; n += 1) await counted.readInto({ bucket, key: 'a/b', ifMatch: etag, offset: n, lengthBytes: 1, sizeBytes: 5 }, Buffer.alloc(1));
    await counted.list({ bucket, prefix: 'a/' });
    await counted.head({ bucket, key: 'a/b' });
    await counted.delete({ bucket, key: 'a/b' });
    const seen = (await server.requests()).filter((request) => request.bucket === bucket && request.method !== 'CreateBucket');
    expect(Object.entries(Object.groupBy(seen, ({ method }) => method)).map(([method, all]) => [method, all?.length])).toEqual([
      ['PutObject', 1], ['GetObject', 5], ['ListObjectsV2', 1], ['HeadObject', 1], ['DeleteObject', 1],
    ]);
    expect(requests).toEqual({ list: 1, get: 5, head: 1, put: 1, copy: 0, delete: 1 });
  });

  it('pings', async () => {
    expect(await registry.ping(10_000)).toEqual({
      direct: null, proxied: null, stranger: null, unknownKey: expect.objectContaining({ code: 'TRB-BAD-CREDENTIALS' }),
    });
  });
});
