/** A proxy before an S3 server that holds some requests back until the test lets them go. All others, and all answers, pass as they are. */
import http from 'node:http';
import { createGate } from './gate.ts';
import { readS3Head, type S3Head } from './s3-request.ts';

export interface GateProxy {
  readonly endpoint: string;
  /** Requests that were held back so far. */
  held(): number;
  open(): void;
  close(): Promise<void>;
}

/** @param target `http://host:port` of the server */
export async function startGateProxy(target: string, isHeld: (request: S3Head) => boolean): Promise<GateProxy> {
  const { hostname, port } = new URL(target);
  const agent = new http.Agent({ keepAlive: true, maxSockets: Infinity });
  const gate = createGate();
  let held = 0;

  const pass = (request: http.IncomingMessage, response: http.ServerResponse): void => {
    const upstream = http.request({ agent, hostname, port, method: request.method, path: request.url, headers: request.rawHeaders }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
      answer.pipe(response);
    });
    // Clients give up and servers end; the other side is told by the end of its connection.
    upstream.on('error', () => { request.socket.destroy(); });
    response.on('close', () => { if (!response.writableFinished) upstream.destroy(); });
    request.pipe(upstream);
  };
  const server = http.createServer({ requestTimeout: 0 }, (request, response) => {
    if (gate.isOpen || !isHeld(readS3Head(request.method ?? '', request.url ?? '', request.headers.range ?? null))) {
      pass(request, response);
      return;
    }
    held += 1;
    void gate.opened.then(() => { if (!request.destroyed) pass(request, response); });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();

  return {
    endpoint: `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`,
    held: () => held,
    open: gate.open,
    close: () => new Promise((resolve) => {
      server.closeAllConnections();
      agent.destroy();
      server.close(() => { resolve(); });
    }),
  };
}
