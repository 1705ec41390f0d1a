import { createServer, request as httpRequest } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { storeConfig, type StoreConfig } from '../../../src/contracts/config.ts';
import { TributaryError } from '../../../src/contracts/errors.ts';
import { createCredentials, inTime, rememberCredentials, type Credentials } from '../../../src/stores/aws/credentials.ts';
import { resolveEndpoint } from '../../../src/stores/aws/endpoint.ts';
import { createAwsStore } from '../../../src/stores/aws/store.ts';
import { createAutoStore, type Client } from '../../../src/stores/auto-store.ts';
import { bodyOf } from '../../../src/stores/body.ts';
import { classifyStoreError } from '../../../src/stores/classify.ts';
import { connectStore } from '../../../src/stores/connect-store.ts';
import { usesProxy } from '../../../src/stores/proxy.ts';
import type { ObjectStore } from '../../../src/stores/object-store.ts';
import { FallbackError } from '../../../src/stores/socket/failure.ts';
import { createSocketStore, type HotStore } from '../../../src/stores/socket/socket-store.ts';
import { createMemoryStore } from '../../support/memory-store.ts';
import { startScriptedServer, turn } from '../../support/scripted-server.ts';

const config = (overrides: Partial<StoreConfig> = {}): StoreConfig => ({ ...storeConfig.parse({}), ...overrides });
const LISTING = '<?xml version="1.0"?><ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>';
const http = (status: string, headers: readonly string[], body = ''): string => [`HTTP/1.1 ${status}`, ...headers, `Content-Length: ${body.length}`, '', body].join('\r\n');
const list = { bucket: 'b', prefix: '' };

describe('createAutoStore', () => {
  const open = (lean: () => Promise<never> | Promise<ReturnType<typeof createMemoryStore>>, strict = false) => {
    const served: Client[] = [];
    const sdk = createMemoryStore({ name: 'main', buckets: ['b', 'c'] });
    return { sdk, served, store: createAutoStore(sdk, { openLean: lean, strict, onServed: (client) => served.push(client) }) };
  };

  it('gives the hot verbs to the lean client and the rest to the SDK', async () => {
    const lean = createMemoryStore({ buckets: ['b'] });
    const { store, sdk, served } = open(() => Promise.resolve(lean));
    await store.put({ bucket: 'b', key: 'k', body: bodyOf('x') });
    await store.list(list);
    expect(await store.head({ bucket: 'b', key: 'k' })).toBeNull();
    await store.headBucket('b');
    expect(lean.log.map(({ operation }) => operation)).toEqual(['put', 'list']);
    expect(sdk.log.map(({ operation }) => operation)).toEqual(['head', 'headBucket']);
    expect(served).toEqual(['socket', 'socket', 'sdk', 'sdk']);
  });

  it('gives the SDK what the lean client refuses, and stops asking it where that is the rule', async () => {
    const lean = createMemoryStore({ buckets: ['b', 'c'] });
    let refusals = 0;
    const { store, sdk, served } = open(() => Promise.resolve({
      ...lean, list: (request, options) => {
        if (request.bucket !== 'b') return lean.list(request, options);
        refusals += 1;
        return Promise.reject(new FallbackError('odd'));
      },
    }));
    for (let n = 0; n < 6; n += 1) await store.list(list);
    await store.list({ bucket: 'c', prefix: '' });
    await store.put({ bucket: 'b', key: 'k', body: bodyOf('x') });
    expect(served).toEqual([...Array.from({ length: 6 }, () => 'sdk'), 'socket', 'socket']);
    expect(sdk.log).toHaveLength(6);
    expect(refusals).toBe(3);
  });

  it.each([false, true])('is told of reads that the lean client answers or refuses (strict: %s)', async (strict) => {
    const lean = createMemoryStore({ buckets: ['b'] });
    let isOdd = false;
    let asked = 0;
    const served: Client[] = [];
    const openLean = async (): Promise<HotStore> => ({
      ...lean,
      // As the lean client does: it tells who watches, and rejects where nobody does.
      readInto: async (request, into, options, watcher) => {
        asked += 1;
        const error = new FallbackError('odd');
        if (isOdd && watcher) return watcher.refused(error, request, into, options);
        if (isOdd) throw error;
        const result = await lean.readInto(request, into, options);
        watcher?.answered();
        return result;
      },
    });
    const sdk: ObjectStore = {
      ...createMemoryStore(),
      readInto: async (_, into) => {
        into.set(Buffer.from('slow'));
        return {};
      },
    };
    const store = createAutoStore(sdk, { openLean, strict, onServed: (client) => served.push(client) });
    const etag = lean.seed('b', 'k', Buffer.from('lean'));
    const read = async (): Promise<string> => {
      const into = Buffer.alloc(4);
      await store.readInto({ bucket: 'b', key: 'k', ifMatch: etag, offset: 0, lengthBytes: 4, sizeBytes: 4 }, into);
      return String(into);
    };
    expect([await read(), await read()]).toEqual(['lean', 'lean']);
    isOdd = true;
    if (strict) {
      for (let n = 0; n < 2; n += 1) await expect(read()).rejects.toMatchObject({ code: 'TRB-INVALID-CONFIG', message: expect.stringContaining('odd') });
      return;
    }
    expect([await read(), await read()]).toEqual(['slow', 'slow']);
    isOdd = false;
    expect([await read(), await read()]).toEqual(['lean', 'lean']);
    isOdd = true;
    for (let n = 0; n < 4; n += 1) expect(await read()).toBe('slow');
    isOdd = false;
    expect(await read()).toBe('slow');
    expect(asked).toBe(2 + 2 + 2 + 3);
    expect(served).toEqual(['socket', 'socket', 'sdk', 'sdk', 'socket', 'socket', 'sdk', 'sdk', 'sdk', 'sdk', 'sdk']);
  });

  it('leaves errors of the store alone', async () => {
    const { store, sdk } = open(() => Promise.resolve(createMemoryStore()));
    await expect(store.list(list)).rejects.toMatchObject({ code: 'TRB-NO-SUCH-BUCKET' });
    expect(sdk.log).toEqual([]);
  });

  it('is all SDK where the lean client cannot be opened, unless it was asked for by name', async () => {
    const refused = (): Promise<never> => Promise.reject(new FallbackError('a proxy stands before the store'));
    const { store, served } = open(refused);
    await store.list(list);
    expect(served).toEqual(['sdk']);
    const strict = open(refused, true);
    await expect(strict.store.list(list)).rejects.toMatchObject({ code: 'TRB-INVALID-CONFIG', message: expect.stringContaining('a proxy stands') });
  });

  it.each([
    ['a list that is cut off', http('200 OK', [], LISTING.slice(0, 60)), http('200 OK', [], LISTING), (store: ObjectStore) => store.list(list)],
    ['a read with a line end that is none', 'HTTP/1.1 200 OK\nX\r\n\r\n', http('200 OK', ['ETag: "v"'], '12345'), (store: ObjectStore) =>
      store.readInto({ bucket: 'b', key: 'k', ifMatch: '"v"', offset: 0, lengthBytes: 5, sizeBytes: 5 }, Buffer.alloc(5))],
    ['a part that is answered with nonsense', 'nonsense\r\n\r\n', http('200 OK', ['ETag: "v"']), (store: ObjectStore) => store.uploadPart({ bucket: 'b', key: 'k', uploadId: 'u', partNumber: 1, body: bodyOf('x') })],
  ])('that is the lean client alone takes %s for a fault that may pass', async (_, odd, right, ask) => {
    let asked = 0;
    const server = await startScriptedServer(async (peer) => {
      for (let request = await peer.request(); request; request = await peer.request()) await peer.send((asked += 1) === 1 ? odd : right);
    });
    const settings = config({ endpoint: `http://127.0.0.1:${server.port}`, region: 'x', adapter: 'socket', credentials: { accessKeyId: 'k', secretAccessKey: 's' } });
    const store = connectStore('main', settings, { useEnvironmentEndpoint: false });
    await expect(ask(store)).rejects.toMatchObject({ code: 'TRB-STORE-FAULT', context: { storeCode: 'WrongAnswer' } });
    await ask(store);
    store.close();
    await server.close();
  });

  it('tries to open the lean client again where that failed by chance', async () => {
    let tries = 0;
    const { store, served } = open(() => (tries += 1) === 1 ? Promise.reject(new Error('EMFILE')) : Promise.resolve(createMemoryStore({ buckets: ['b'] })));
    await expect(store.list(list)).rejects.toThrow('EMFILE');
    await store.list(list);
    expect(served).toEqual(['socket', 'socket']);
  });

  it('closes both', async () => {
    const closed: string[] = [];
    const closing = (name: string) => ({ ...createMemoryStore({ buckets: ['b'] }), close: () => void closed.push(name) });
    const store = createAutoStore(closing('sdk'), { openLean: () => Promise.resolve(closing('socket')) });
    await store.list(list);
    store.close();
    expect(closed).toEqual(['socket', 'sdk']);
  });
});

describe('usesProxy', () => {
  const proxy = { http: 'http://p:1', https: 'http://p:2', none: undefined };
  it.each([
    ['https://s3.amazonaws.com', proxy, true], ['http://minio:9000', proxy, true], ['https://s3.amazonaws.com', undefined, false],
    ['https://s3.amazonaws.com', { ...proxy, https: undefined }, false], ['http://minio:9000', { ...proxy, http: undefined }, false],
    ['http://minio:9000', { ...proxy, none: 'minio' }, false], ['http://minio:9000', { ...proxy, none: 'localhost, minio:9000' }, false],
    ['http://minio:9000', { ...proxy, none: 'minio:9001' }, true], ['https://a.corp.example', { ...proxy, none: '.corp.example' }, false],
    ['https://a.corp.example', { ...proxy, none: '*.corp.example' }, false], ['https://a.corp.example', { ...proxy, none: 'corp.example' }, false],
    ['https://acorp.example', { ...proxy, none: 'corp.example' }, true], ['https://any.example', { ...proxy, none: '*' }, false],
    ['https://any.example', { ...proxy, none: 'any.example:443' }, false], ['http://[::1]:9000', { ...proxy, none: '[::1]:9000' }, false],
    ['http://MINIO:9000', { ...proxy, none: 'Minio' }, false], ['https://any.example', { ...proxy, none: '' }, true],
  ])('%s with %j: %s', (endpoint, settings, expected) => {
    expect(usesProxy(endpoint, settings)).toBe(expected);
  });

  it('and then requests go through it', async () => {
    const through: string[] = [];
    const server = createServer((_, response) => response.writeHead(404).end('<Error><Code>NoSuchBucket</Code></Error>')).listen(0, '127.0.0.1');
    const forward = createServer((request, response) => {
      through.push(request.url ?? '');
      request.pipe(httpRequest(request.url ?? '', { method: request.method, headers: request.headers }, (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      }));
    }).listen(0, '127.0.0.1');
    await Promise.all([once(server, 'listening'), once(forward, 'listening')]);
    const at = ({ port }: AddressInfo): string => `http://127.0.0.1:${port}`;
    const endpoint = at(server.address() as AddressInfo);
    const settings = config({ endpoint, region: 'us-east-1', credentials: { accessKeyId: 'k', secretAccessKey: 's' } });
    for (const none of [undefined, '127.0.0.1']) {
      const store = connectStore('main', settings, { useEnvironmentEndpoint: false, proxy: { http: at(forward.address() as AddressInfo), https: undefined, none } });
      await expect(store.list({ bucket: 'bucket', prefix: '' })).rejects.toMatchObject({ code: 'TRB-NO-SUCH-BUCKET' });
      store.close();
    }
    expect(through).toEqual([expect.stringContaining(`${endpoint}/bucket`)]);
    server.close();
    forward.close();
  });
});

describe('resolveEndpoint', () => {
  it('asks the SDK where it would send to', async () => {
    expect(await resolveEndpoint(config({ region: 'eu-central-1' }), false)).toEqual({ endpoint: 'https://s3.eu-central-1.amazonaws.com/', region: 'eu-central-1' });
    expect(await resolveEndpoint(config({ region: 'cn-north-1' }), false)).toEqual({ endpoint: 'https://s3.cn-north-1.amazonaws.com.cn/', region: 'cn-north-1' });
    expect(await resolveEndpoint(config({ endpoint: 'http://127.0.0.1:9000', region: 'x' }), false)).toEqual({ endpoint: 'http://127.0.0.1:9000/', region: 'x' });
    expect(await resolveEndpoint(config({ endpoint: 'https://host/base', region: 'x' }), false)).toEqual({ endpoint: 'https://host/base/', region: 'x' });
  });
});

describe('credentials', () => {
  it('are remembered until they are about to expire', async () => {
    let nowMs = 0;
    let asked = 0;
    const remembered = rememberCredentials(() => {
      asked += 1;
      return Promise.resolve<Credentials>({ accessKeyId: `k${asked}`, secretAccessKey: 's', expiration: new Date(nowMs + 3_600_000) });
    }, () => nowMs);
    expect(await Promise.all([remembered(), remembered()])).toMatchObject([{ accessKeyId: 'k1' }, { accessKeyId: 'k1' }]);
    nowMs = 54 * 60_000;
    expect(await remembered()).toMatchObject({ accessKeyId: 'k1' });
    nowMs = 56 * 60_000;
    expect(remembered()).toMatchObject({ accessKeyId: 'k1' });
    await turn();
    expect(remembered()).toMatchObject({ accessKeyId: 'k2' });
    expect(asked).toBe(2);
  });

  it('that still hold are used while their source fails, and not longer', async () => {
    let nowMs = 0;
    let fails = false;
    const remembered = rememberCredentials(() => fails ? Promise.reject(new Error('away')) : Promise.resolve({ accessKeyId: 'k', secretAccessKey: 's', expiration: new Date(3_600_000) }), () => nowMs);
    await remembered();
    fails = true;
    nowMs = 58 * 60_000;
    expect(await remembered()).toMatchObject({ accessKeyId: 'k' });
    nowMs = 61 * 60_000;
    await expect(remembered()).rejects.toThrow('away');
    fails = false;
    expect(await remembered()).toMatchObject({ accessKeyId: 'k' });
  });

  const hangs = (): Promise<Credentials> => new Promise(() => undefined);

  it('that still hold are used while their source hangs', async () => {
    let nowMs = 0;
    const answers = [Promise.resolve<Credentials>({ accessKeyId: 'k', secretAccessKey: 's', expiration: new Date(3_600_000) }), hangs()];
    const remembered = rememberCredentials(() => answers.shift() ?? hangs(), () => nowMs);
    await remembered();
    nowMs = 56 * 60_000;
    expect(remembered()).toMatchObject({ accessKeyId: 'k' });
    nowMs = 60 * 60_000;
    expect(remembered()).toBeInstanceOf(Promise);
  });

  it('whose source hangs are asked for anew after a while, and may come yet', async () => {
    const sources = [hangs, () => Promise.resolve({ accessKeyId: 'k', secretAccessKey: 's' })];
    const source = inTime(() => sources.shift() ?? hangs, 10);
    const error: unknown = await source().catch((thrown: unknown) => thrown);
    expect(classifyStoreError(error, { store: 'main', bucket: 'b', operation: 'list' })).toMatchObject({ code: 'TRB-STORE-UNREACHABLE', message: expect.stringContaining('within 10 ms') });
    expect(await source()).toMatchObject({ accessKeyId: 'k' });
  });

  it.each([
    ['the lean client', () => createSocketStore('main', { endpoint: 'http://127.0.0.1:9', region: 'x', pathStyle: true }, hangs)],
    ['the SDK', () => createAwsStore('main', config({ endpoint: 'http://127.0.0.1:9', region: 'x' }), { credentials: hangs })],
  ])('that do not come hold up no call of %s that is given up', async (_, openStore) => {
    const store = openStore();
    const abort = new AbortController();
    const reason = new Error('paused');
    const work = store.get({ bucket: 'b', key: 'k' }, { signal: abort.signal });
    await turn();
    abort.abort(reason);
    await expect(work).rejects.toBe(reason);
    store.close();
  });

  it('that cannot be had are an error of credentials, whoever says so', async () => {
    await expect(createCredentials(config({ credentials: { profile: 'no-such-profile' } }))()).rejects.toMatchObject({ name: 'CredentialsProviderError' });
    const store = connectStore('main', config({ endpoint: 'http://127.0.0.1:1', region: 'x', credentials: { profile: 'no-such-profile' } }), { useEnvironmentEndpoint: false });
    const error: unknown = await store.list(list).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(TributaryError);
    expect(error).toMatchObject({ code: 'TRB-BAD-CREDENTIALS' });
    store.close();
  });
});
