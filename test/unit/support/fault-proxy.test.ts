import http from 'node:http';
import { createHash } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startFaultProxy, type FaultProxy } from '../../support/fault-proxy.ts';

/** A store that echoes: PUT keeps the body, GET gives it, ranges too; it writes down what reached it. */
interface Echo { readonly endpoint: string; readonly reached: { method: string; host: string; bytes: number; complete: boolean }[]; close(): Promise<void> }

async function startEcho(): Promise<Echo> {
  const objects = new Map<string, Buffer>();
  const reached: Echo['reached'] = [];
  const server = http.createServer((request, response) => {
    const pieces: Buffer[] = [];
    const seen = { method: request.method ?? '', host: request.headers.host ?? '', bytes: 0, complete: false };
    reached.push(seen);
    request.on('error', () => undefined);
    request.on('data', (bytes: Buffer) => {
      pieces.push(bytes);
      seen.bytes += bytes.length;
    });
    request.on('end', () => {
      seen.complete = true;
      const key = (request.url ?? '').split('?', 1)[0] ?? '';
      if (request.method === 'PUT') objects.set(key, Buffer.concat(pieces));
      const whole = objects.get(key) ?? Buffer.alloc(0);
      const [, first, last] = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '') ?? [];
      if (request.method !== 'GET' || first === undefined) response.end(request.method === 'GET' ? whole : '');
      else response.writeHead(206, { 'Content-Range': `bytes ${first}-${last}/${whole.length}` }).end(whole.subarray(Number(first), Number(last) + 1));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    endpoint: `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`,
    reached,
    close: () => new Promise((resolve) => {
      server.closeAllConnections();
      server.close(() => { resolve(); });
    }),
  };
}

interface Answer { readonly status: number; readonly headers: http.IncomingHttpHeaders; readonly body: Buffer; readonly error: string | null }

describe('the fault proxy', () => {
  let echo: Echo;
  let proxy: FaultProxy;
  beforeEach(async () => {
    echo = await startEcho();
    proxy = await startFaultProxy(echo.endpoint, 7);
  });
  afterEach(async () => {
    await proxy.close();
    await echo.close();
  });

  /** What a client gets: also what came before the connection broke. */
  const send = (method: string, path: string, body: Buffer | null = null, headers: Record<string, string> = {}): Promise<Answer> => new Promise((resolve) => {
    const pieces: Buffer[] = [];
    let answer: { status: number; headers: http.IncomingHttpHeaders } = { status: 0, headers: {} };
    const end = (error: string | null): void => { resolve({ ...answer, body: Buffer.concat(pieces), error }); };
    const request = http.request(`${proxy.endpoint}${path}`, { method, headers: { ...headers, ...(body ? { 'Content-Length': String(body.length) } : {}) } }, (response) => {
      answer = { status: response.statusCode ?? 0, headers: response.headers };
      response.on('data', (bytes: Buffer) => pieces.push(bytes));
      response.on('end', () => { end(null); });
      response.on('error', (error: NodeJS.ErrnoException) => { end(error.code ?? error.message); });
    });
    request.on('error', (error: NodeJS.ErrnoException) => { end(error.code ?? error.message); });
    request.end(body ?? undefined);
  });

  /** The proxy hears of the end of a request after its client. */
  const lastDurationMs = async (): Promise<number> => {
    const { startedMs, endedMs } = proxy.log.all.at(-1)!;
    if (endedMs !== null) return endedMs - startedMs;
    await turn();
    return lastDurationMs();
  };

  const body = Buffer.from(Array.from({ length: 300_000 }, (_, at) => at % 251));

  it('hands on what meets no fault byte for byte, with its Host, and logs it', async () => {
    await send('PUT', '/bucket/a%20b?partNumber=3&uploadId=u', body, { Host: 'signed.example' });
    const got = await send('GET', '/bucket/a%20b');
    expect(createHash('md5').update(got.body).digest('hex')).toBe(createHash('md5').update(body).digest('hex'));
    expect(echo.reached[0]).toMatchObject({ host: 'signed.example', bytes: body.length });
    expect(proxy.log.all.map(({ operation, bucket, key, requestBytes, answerBytes, status, answered, fault }) => ({ operation, bucket, key, requestBytes, answerBytes, status, answered, fault })))
      .toEqual([
        { operation: 'UploadPart', bucket: 'bucket', key: 'a b', requestBytes: body.length, answerBytes: 0, status: 200, answered: true, fault: null },
        { operation: 'GetObject', bucket: 'bucket', key: 'a b', requestBytes: 0, answerBytes: body.length, status: 200, answered: true, fault: null },
      ]);
    expect(proxy.log.all[0]?.query.get('partNumber')).toBe('3');
  });

  it('resets a request within its body, of which the server sees no end', async () => {
    proxy.schedule.add({ fault: { kind: 'reset request', afterBytes: 70_000 } });
    expect(await send('PUT', '/bucket/key', body)).toMatchObject({ status: 0, error: expect.stringMatching(/ECONNRESET|EPIPE/) });
    expect(echo.reached.every(({ complete, bytes }) => !complete && bytes <= 70_000)).toBe(true);
    expect(proxy.log.all[0]).toMatchObject({ answered: false, status: null });
  });

  it('resets a request at the end of its body, where that is shorter', async () => {
    proxy.schedule.add({ fault: { kind: 'reset request', afterBytes: 10 * body.length } });
    expect((await send('PUT', '/bucket/key', body)).error).toMatch(/ECONNRESET|EPIPE/);
    expect(echo.reached.some(({ complete }) => complete)).toBe(false);
  });

  it('resets an answer after so many bytes', async () => {
    await send('PUT', '/bucket/key', body);
    proxy.schedule.add({ fault: { kind: 'reset answer', afterBytes: 100_000 } });
    const got = await send('GET', '/bucket/key');
    expect(got.error).toBe('ECONNRESET');
    expect(got.body.equals(body.subarray(0, got.body.length))).toBe(true);
    expect(got.body.length).toBeLessThanOrEqual(100_000);
    expect(proxy.log.of('GetObject')[0]).toMatchObject({ answerBytes: 100_000, answered: false, status: 200 });
  });

  it('swallows an answer after the server has acted', async () => {
    proxy.schedule.add({ fault: { kind: 'swallow answer' }, times: 1 });
    expect((await send('PUT', '/bucket/key', body)).error).toBe('ECONNRESET');
    expect((await send('GET', '/bucket/key')).body.equals(body)).toBe(true);
    expect(proxy.log.all[0]).toMatchObject({ status: 200, answered: false });
  });

  it('holds a request in a black hole, without the server knowing', async () => {
    proxy.schedule.add({ fault: { kind: 'black hole', holdMs: 30 } });
    expect((await send('PUT', '/bucket/key', body)).error).toBe('ECONNRESET');
    expect(echo.reached).toEqual([]);
    expect(await lastDurationMs()).toBeGreaterThanOrEqual(29);
  });

  it('answers in the place of the server, after the body or before it', async () => {
    proxy.schedule.add({ fault: { kind: 'answer', status: 503, code: 'SlowDown' }, times: 1 });
    proxy.schedule.add({ fault: { kind: 'answer', status: 403, code: 'AccessDenied', early: true }, times: 1 });
    const late = await send('PUT', '/bucket/key', body);
    expect([late.status, late.body.toString()]).toEqual([503, expect.stringContaining('<Code>SlowDown</Code>')]);
    expect(proxy.log.all[0]?.requestBytes).toBe(body.length);
    const early = await send('GET', '/bucket/key');
    expect([early.status, early.headers.connection]).toEqual([403, 'close']);
    expect((await send('HEAD', '/bucket/key')).status).toBe(200);
    expect(echo.reached.map(({ method }) => method)).toEqual(['HEAD']);
  });

  it('flips one bit of an answer', async () => {
    await send('PUT', '/bucket/key', body);
    proxy.schedule.add({ fault: { kind: 'flip', atByte: 200_000 } });
    const { body: got, error } = await send('GET', '/bucket/key');
    const differing = [...got.keys()].filter((at) => got[at] !== body[at]);
    expect([error, got.length, differing]).toEqual([null, body.length, [200_000]]);
  });

  it('lets an answer come slowly, and hands on late', async () => {
    await send('PUT', '/bucket/key', body.subarray(0, 3000));
    proxy.schedule.add({ fault: { kind: 'slow', bytesPerSecond: 30_000 }, times: 1 });
    proxy.schedule.add({ fault: { kind: 'delay', delayMs: 60 } });
    for (const least of [95, 55]) {
      expect((await send('GET', '/bucket/key')).body.length).toBe(3000);
      expect(await lastDurationMs()).toBeGreaterThanOrEqual(least);
    }
  });

  it('gives a wrong Content-Range', async () => {
    await send('PUT', '/bucket/key', body);
    proxy.schedule.add({ fault: { kind: 'wrong range' } });
    const got = await send('GET', '/bucket/key', null, { Range: 'bytes=10-19' });
    expect([got.status, got.headers['content-range'], got.body.length]).toEqual([206, `bytes 11-19/${body.length}`, 10]);
  });

  it('refuses every connection while told to', async () => {
    proxy.refuse(true);
    expect((await send('GET', '/bucket/key')).error).toBe('ECONNRESET');
    proxy.refuse(false);
    expect((await send('GET', '/bucket/key')).status).toBe(200);
  });

  it('breaks the client off where the server is away', async () => {
    await echo.close();
    expect((await send('GET', '/bucket/key')).error).toBe('ECONNRESET');
    expect(proxy.log.all[0]).toMatchObject({ status: null, answered: false });
  });
});
