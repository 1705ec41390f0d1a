/**
 * A proxy between a client and an S3 server that does to requests what networks and servers do: see `Fault`. It keeps a log of all
 * requests. Heads go through as they are, `Host` included, since signatures cover them.
 *
 * Invariants: a request that meets no fault is handed on byte for byte, and its answer too. What a fault breaks is broken with a reset,
 * never with an orderly end, and the server's side of it is broken too.
 */
import http, { type ClientRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Transform } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { FaultSchedule, type Fault } from './fault-schedule.ts';
import { RequestLog, type LoggedRequest } from './request-log.ts';
import { readS3Head } from './s3-request.ts';

export interface FaultProxy {
  readonly endpoint: string;
  readonly schedule: FaultSchedule;
  readonly log: RequestLog;
  /** While on, every connection is reset at once, open ones too. */
  refuse(on: boolean): void;
  close(): Promise<void>;
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly logged: LoggedRequest;
  readonly fault: Fault | null;
}

/** @param target `http://host:port` of the server; @param seed of the schedule */
export async function startFaultProxy(target: string, seed = 0): Promise<FaultProxy> {
  const { hostname, port } = new URL(target);
  const schedule = new FaultSchedule(seed);
  const log = new RequestLog();
  const sockets = new Set<Socket>();
  const agent = new http.Agent({ keepAlive: true, maxSockets: Infinity });
  let refusing = false;

  const server = http.createServer({ keepAliveTimeout: 0, requestTimeout: 0 }, (request, response) => {
    const head = readS3Head(request.method ?? '', request.url ?? '', request.headers.range ?? null, request.headers['x-amz-server-side-encryption']?.toString() ?? null);
    const fault = schedule.next(head);
    const logged = log.begin(head, fault);
    request.on('data', (bytes: Buffer) => { logged.requestBytes += bytes.length; });
    request.pause();
    const end = (): void => { logged.endedMs ??= Date.now(); };
    response.on('finish', () => {
      logged.answered = true;
      end();
    });
    response.on('close', end);
    request.on('error', end);
    const handOn = (): ClientRequest => http.request({
      agent, hostname, port, method: request.method, path: request.url, headers: request.rawHeaders,
    });
    void play({ request, response, logged, fault }, handOn);
  });
  server.on('connection', (socket) => {
    if (refusing) {
      socket.resetAndDestroy();
      return;
    }
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    // A broken connection is what this is for.
    socket.on('error', () => socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();

  return {
    endpoint: `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`,
    schedule, log,
    refuse: (on) => {
      refusing = on;
      if (on) for (const socket of sockets) socket.resetAndDestroy();
    },
    close: () => new Promise((resolve) => {
      for (const socket of sockets) socket.destroy();
      agent.destroy();
      server.close(() => { resolve(); });
    }),
  };
}

async function play(exchange: Exchange, handOn: () => ClientRequest): Promise<void> {
  const { request, response, logged, fault } = exchange;
  const reset = (): void => { request.socket.resetAndDestroy(); };
  if (fault?.kind === 'answer') {
    answer(exchange, fault);
    return;
  }
  if (fault?.kind === 'black hole') {
    request.resume();
    await sleep(fault.holdMs, undefined, { ref: false });
    reset();
    return;
  }
  if (fault?.kind === 'delay') await sleep(fault.delayMs, undefined, { ref: false });

  const upstream = handOn();
  let answering = false;
  const breakOff = (): void => {
    upstream.destroy();
    reset();
  };
  upstream.on('error', () => {
    // A server that is away; or one that answered before it had read the body, and whose answer is on its way.
    if (!answering) reset();
  });
  response.on('close', () => { if (!response.writableFinished) upstream.destroy(); });
  upstream.on('response', (answered) => {
    answering = true;
    logged.status = answered.statusCode ?? null;
    answered.on('error', breakOff);
    void passAnswer(exchange, answered, reset).catch(breakOff);
  });
  // The last byte is kept back: with it the request would be whole.
  if (fault?.kind === 'reset request') request.pipe(cutAfter(Math.min(fault.afterBytes, Number(request.headers['content-length'] ?? 0) - 1), breakOff)).pipe(upstream);
  else request.pipe(upstream);
}

async function passAnswer({ response, logged, fault }: Exchange, answered: IncomingMessage, reset: () => void): Promise<void> {
  if (fault?.kind === 'swallow answer') {
    answered.resume().on('end', reset);
    return;
  }
  response.writeHead(answered.statusCode ?? 502, fault?.kind === 'wrong range' ? shifted(answered.rawHeaders) : answered.rawHeaders);
  if (fault?.kind !== 'reset answer' && fault?.kind !== 'slow' && fault?.kind !== 'flip') {
    answered.on('data', (bytes: Buffer) => { logged.answerBytes += bytes.length; });
    answered.pipe(response);
    return;
  }
  const lastByte = fault.kind === 'reset answer' ? fault.afterBytes : Infinity;
  for await (const bytes of answered as AsyncIterable<Buffer>) {
    const from = logged.answerBytes;
    const passed = bytes.subarray(0, Math.max(0, lastByte - from));
    logged.answerBytes += passed.length;
    await written(response, fault.kind === 'flip' ? flipped(passed, fault.atByte - from) : passed);
    if (logged.answerBytes >= lastByte) {
      reset();
      return;
    }
    if (fault.kind === 'slow') await sleep(passed.length / fault.bytesPerSecond * 1000, undefined, { ref: false });
  }
  response.end();
}

/** Resolves when the bytes have left. */
function written(response: ServerResponse, bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    response.write(bytes, (error) => {
      if (error) reject(error);
      else resolve();
    });
  });
}

function answer({ request, response, logged }: Exchange, { status, code, early = false }: Extract<Fault, { kind: 'answer' }>): void {
  const body = request.method === 'HEAD' ? '' : `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>made by the proxy</Message></Error>`;
  const send = (): void => {
    logged.status = status;
    response.writeHead(status, { 'Content-Type': 'application/xml', 'Content-Length': Buffer.byteLength(body), ...(early ? { Connection: 'close' } : {}) });
    response.end(body);
  };
  if (early) send();
  else request.resume().on('end', send);
}

/** Content-Range that begins, and says it begins, one byte further on. */
function shifted(headers: readonly string[]): string[] {
  return headers.map((value, at) => (at % 2 === 1 && headers[at - 1]?.toLowerCase() === 'content-range'
    ? value.replace(/bytes (\d+)-/, (_, first: string) => `bytes ${Number(first) + 1}-`) : value));
}

/** Lets so many bytes through, then breaks off. */
function cutAfter(afterBytes: number, breakOff: () => void): Transform {
  let passedBytes = 0;
  return new Transform({
    transform(bytes: Buffer, _encoding, done) {
      const passed = bytes.subarray(0, Math.max(0, afterBytes - passedBytes));
      passedBytes += passed.length;
      if (passed.length === bytes.length) {
        done(null, passed);
        return;
      }
      this.push(passed);
      setImmediate(breakOff);
    },
    flush: () => { setImmediate(breakOff); },
  });
}

function flipped(bytes: Buffer, at: number): Buffer {
  if (at < 0 || at >= bytes.length) return bytes;
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ 0x20;
  return copy;
}
