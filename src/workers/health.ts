/**
 * `/livez` (the event loop turns: that it answers is the proof), `/readyz` (work can be done: 503 with the reasons where not) and
 * `/status` (what the worker does, as JSON). Only GET; bound to one address; answers hold no secrets.
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { TributaryError } from '../contracts/errors.ts';

export interface HealthSource {
  /** Why no work can be done now, one sentence each; empty where it can. Cheap: it is asked at every probe. */
  reasons(): Promise<readonly string[]>;
  /** A JSON value. */
  status(): Promise<unknown>;
}

export interface HealthServer { readonly port: number; close(): Promise<void> }

async function answer(path: string, source: HealthSource): Promise<{ readonly code: number; readonly body: unknown }> {
  switch (path) {
    case '/livez':
      return { code: 200, body: { alive: true } };
    case '/readyz': {
      const reasons = await source.reasons();
      return { code: reasons.length === 0 ? 200 : 503, body: { ready: reasons.length === 0, reasons } };
    }
    case '/status':
      return { code: 200, body: await source.status() };
    default:
      return { code: 404, body: { error: `nothing at ${path}; ask /livez, /readyz or /status` } };
  }
}

/** @param port 0 takes a free one @throws TRB-INVALID-CONFIG where the address cannot be bound */
export async function serveHealth(source: HealthSource, host: string, port: number): Promise<HealthServer> {
  const server: Server = createServer((request, response) => {
    const [path = '/'] = (request.url ?? '/').split('?');
    const send = (code: number, body: unknown): void => {
      response.writeHead(code, { 'content-type': 'application/json', 'cache-control': 'no-store' }).end(`${JSON.stringify(body)}\n`);
    };
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      send(405, { error: 'only GET' });
      return;
    }
    answer(path, source).then(({ code, body }) => { send(code, body); }, (error: unknown) => { send(500, { error: String(error) }); });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => { reject(new TributaryError('TRB-INVALID-CONFIG', `health cannot be served at ${host}:${port}: ${error.message}`, { port }, { cause: error })); });
    server.listen(port, host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () => new Promise((resolve) => {
      server.close(() => { resolve(); });
      server.closeAllConnections();
    }),
  };
}
