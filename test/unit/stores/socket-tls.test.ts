import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import { HttpFailure } from '../../../src/stores/socket/failure.ts';
import { HttpClient } from '../../../src/stores/socket/http1.ts';
import type { HttpAnswer, Place } from '../../../src/stores/socket/answer-reader.ts';
import { makeCertificates, type TestCertificates } from '../../support/certificate.ts';
import { startScriptedServer, turn, until, type Peer, type ScriptedServer } from '../../support/scripted-server.ts';

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello';
const collect: Place = () => 2 ** 20;
let certificates: TestCertificates;
let server: ScriptedServer;
let client: HttpClient;

const builtIn = tls.getCACertificates('default');
beforeAll(() => {
  certificates = makeCertificates();
  tls.setDefaultCACertificates([certificates.ca]);
});
afterAll(() => {
  tls.setDefaultCACertificates(builtIn);
});

async function start(script: (peer: Peer) => Promise<void>): Promise<void> {
  server = await startScriptedServer(script, { key: certificates.key, cert: certificates.cert });
  client = new HttpClient();
}

interface Wanted { readonly port?: number; readonly place?: Place; readonly body?: readonly Uint8Array[]; readonly host?: string; readonly signal?: AbortSignal }
function ask({ place = collect, body, host = 'localhost', port = server.port, signal }: Wanted = {}): Promise<HttpAnswer> {
  const bodyBytes = body?.reduce((sum, view) => sum + view.byteLength, 0);
  const head = `${body ? 'PUT' : 'GET'} /x HTTP/1.1\r\nhost: x\r\n${bodyBytes === undefined ? '' : `content-length: ${bodyBytes}\r\n`}\r\n`;
  return client.request({ host, port, tls: true }, { head, body, idempotent: true, place, signal });
}
/** Passes bytes on, and changes one bit of those that go this way. */
async function startDamaging(target: number, way: 'answer' | 'request', atByte: number): Promise<{ readonly port: number; readonly close: () => void }> {
  const proxy = net.createServer((near) => {
    const far = net.connect(target, '127.0.0.1');
    for (const [from, to, isDamaged] of [[near, far, way === 'request'], [far, near, way === 'answer']] as const) {
      let passedBytes = 0;
      from.on('data', (bytes: Buffer) => {
        const at = atByte - passedBytes;
        if (isDamaged && at >= 0 && at < bytes.length) bytes[at] = (bytes[at] ?? 0) ^ 1;
        passedBytes += bytes.length;
        to.write(bytes);
      });
      // Whoever hangs up takes the other along.
      from.on('error', () => to.destroy());
      from.on('close', () => to.destroy());
    }
  }).listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  return { port: (proxy.address() as net.AddressInfo).port, close: () => proxy.close() };
}

const answering = (...answers: string[]) => async (peer: Peer): Promise<void> => {
  for (const answer of answers) if (await peer.request()) await peer.send(answer);
  await peer.gone();
};

afterEach(async () => {
  client.close();
  expect(client.counts.open).toBe(0);
  await until(() => server.open() === 0);
  await server.close();
});

describe('HttpClient over TLS', () => {
  it('verifies the certificate, names the host, and keeps the connection', async () => {
    const names: unknown[] = [];
    await start(async (peer) => {
      names.push(peer.secure.servername);
      await answering(OK, OK)(peer);
    });
    expect(Buffer.from((await ask()).body).toString()).toBe('hello');
    await ask();
    expect([names, server.accepted()]).toEqual([['localhost'], 1]);
  });

  it('connects to an address too, which the certificate must have', async () => {
    await start(answering(OK));
    expect((await ask({ host: '127.0.0.1' })).head.status).toBe(200);
  });

  it('refuses a certificate that nobody vouches for, before anything is sent', async () => {
    const received: unknown[] = [];
    await start(async (peer) => { received.push(await peer.request()); });
    tls.setDefaultCACertificates(builtIn);
    const error: unknown = await ask().catch((reason: unknown) => reason);
    tls.setDefaultCACertificates([certificates.ca]);
    expect(error).toBeInstanceOf(HttpFailure);
    expect(error).toMatchObject({ kind: 'connect', code: expect.stringMatching(/^(?:UNABLE_TO_VERIFY|SELF_SIGNED)/) });
    await until(() => server.open() === 0);
    expect(received.filter((request) => request !== undefined)).toEqual([]);
  });

  it('resumes the session on the next connection', async () => {
    const resumed: boolean[] = [];
    await start(async (peer) => {
      resumed.push(peer.secure.resumed);
      await answering('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello')(peer);
    });
    await ask();
    await ask();
    expect(resumed).toEqual([false, true]);
  });

  it('reads an answer that is split at every byte, and lands a large body in place', async () => {
    const large = Buffer.alloc(5_000_000, 'tributary\n');
    await start(async (peer) => {
      for (let at = 1; at < OK.length && await peer.request(); at++) {
        await peer.send(OK.slice(0, at));
        await peer.send(OK.slice(at));
      }
      await peer.request();
      await peer.send(Buffer.concat([Buffer.from(`HTTP/1.1 206 Partial Content\r\nContent-Length: ${large.length}\r\n\r\n`), large]));
      await peer.gone();
    });
    for (let at = 1; at < OK.length; at++) expect(Buffer.from((await ask()).body).toString()).toBe('hello');
    const slab = Buffer.alloc(large.length + 2);
    await ask({ place: () => slab.subarray(1, -1) });
    expect([slab.subarray(1, -1).equals(large), slab[0], slab.at(-1)]).toEqual([true, 0, 0]);
    expect(server.accepted()).toBe(1);
  });

  it('sends a large body whole, and keeps the connection', async () => {
    const views = [Buffer.alloc(3_000_000, 'a'), Buffer.alloc(5_000_001, 'b')];
    let received: Buffer | undefined;
    await start(async (peer) => {
      received = (await peer.request())?.body;
      await peer.send(OK);
      await peer.request();
      await peer.send(OK);
      await peer.gone();
    });
    await ask({ body: views });
    expect(received?.equals(Buffer.concat(views))).toBe(true);
    await ask();
    expect(server.accepted()).toBe(1);
  });

  it.each(['answer', 'request'] as const)('calls it a broken connection where a byte of the %s is damaged on its way', async (way) => {
    const content = Buffer.alloc(100_000, 'x');
    await start(async (peer) => {
      if (await peer.request()) await peer.send(Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${content.length}\r\n\r\n`), content]));
      await peer.gone();
    });
    const damaging = await startDamaging(server.port, way, 50_000);
    const error = await ask({ port: damaging.port, ...(way === 'request' && { body: [content] }) }).catch((reason: unknown) => reason);
    damaging.close();
    expect(error).toMatchObject({ kind: 'broken', code: 'ECONNRESET', message: expect.stringMatching(/bad.record.mac/i) });
  });

  it('says how much came when the connection breaks in a body', async () => {
    await start(async (peer) => {
      await peer.request();
      await peer.send(OK.slice(0, -2));
      await turn();
      peer.socket.destroy();
    });
    const into = Buffer.alloc(5);
    await expect(ask({ place: () => into })).rejects.toMatchObject({ kind: 'broken', receivedBytes: 3 });
  });

  it('gives up at once, in the handshake and in a body', async () => {
    const reason = new Error('given up');
    await start(async (peer) => {
      await peer.request();
      await peer.send(OK.slice(0, -2));
      controller.abort(reason);
      await peer.gone();
    });
    const early = new AbortController();
    const rejected = expect(ask({ signal: early.signal })).rejects.toBe(reason);
    early.abort(reason);
    await rejected;
    const controller = new AbortController();
    await expect(ask({ signal: controller.signal })).rejects.toBe(reason);
    expect(client.counts.open).toBe(0);
  });
});
