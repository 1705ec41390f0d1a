/**
 * A TCP server whose every byte is written by the test: it reads requests whole, and sends what it is told, when it is told. What a
 * server could do wrong, it can do.
 */
import { once } from 'node:events';
import net from 'node:net';
import { setImmediate } from 'node:timers/promises';
import tls from 'node:tls';

export interface ReceivedRequest {
  readonly method: string;
  readonly path: string;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** One connection, seen from the server. */
export class Peer {
  readonly socket: net.Socket;
  /** Number of the connection, from 0. */
  readonly index: number;
  #room = Buffer.alloc(2 ** 16);
  #receivedBytes = 0;
  #ended = false;
  #wake: () => void = () => undefined;

  constructor(socket: net.Socket, index: number) {
    this.socket = socket;
    this.index = index;
    socket.setNoDelay(true);
    socket.on('data', (bytes: Buffer) => {
      while (this.#receivedBytes + bytes.length > this.#room.length) this.#room = Buffer.concat([this.#room], 2 * this.#room.length);
      this.#receivedBytes += bytes.copy(this.#room, this.#receivedBytes);
      this.#wake();
    });
    // A client that resets or goes away is part of the play.
    socket.on('error', () => { this.#ended = true; this.#wake(); });
    socket.on('end', () => { this.#ended = true; this.#wake(); });
    socket.on('close', () => { this.#ended = true; this.#wake(); });
  }

  /** The name that a client over TLS asked for, and whether it resumed a session. */
  get secure(): { readonly servername: unknown; readonly resumed: boolean } {
    const { socket } = this;
    return socket instanceof tls.TLSSocket ? { servername: socket.servername, resumed: socket.isSessionReused() } : { servername: undefined, resumed: false };
  }

  get #received(): Buffer {
    return this.#room.subarray(0, this.#receivedBytes);
  }

  /** The head of the next request, with as much of its body as has come. Undefined where the client has gone. */
  async head(): Promise<ReceivedRequest | undefined> {
    if (!await this.#until(() => this.#received.includes('\r\n\r\n'))) return undefined;
    return parseRequest(this.#received);
  }

  /** The next request with its body. Undefined where the client has gone. */
  async request(): Promise<ReceivedRequest | undefined> {
    const head = await this.head();
    if (!head) return undefined;
    const end = this.#received.indexOf('\r\n\r\n') + 4;
    const bodyBytes = Number(head.headers['content-length'] ?? 0);
    if (!await this.#until(() => this.#received.length >= end + bodyBytes)) return undefined;
    const request = { ...head, body: Buffer.from(this.#received.subarray(end, end + bodyBytes)) };
    this.#receivedBytes = this.#room.copy(this.#room, 0, end + bodyBytes, this.#receivedBytes);
    return request;
  }

  /** Sends, and lets the client read it before anything else is sent. */
  async send(bytes: Buffer | string): Promise<void> {
    if (this.#ended) return;
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
    await turn();
  }

  end(): void {
    this.socket.end();
  }

  reset(): void {
    this.socket.resetAndDestroy();
  }

  /** Resolves when the client has closed its side. */
  async gone(): Promise<void> {
    await this.#until(() => false);
  }

  async #until(holds: () => boolean): Promise<boolean> {
    while (!holds()) {
      if (this.#ended) return false;
      await new Promise<void>((resolve) => { this.#wake = resolve; });
    }
    return true;
  }
}

/** Waits until something holds. @throws after ten seconds, so that a test fails with a reason instead of hanging */
export async function until(holds: () => boolean): Promise<void> {
  for (const deadlineMs = Date.now() + 10_000; !holds();) {
    if (Date.now() > deadlineMs) throw new Error(`waited in vain until ${holds.toString()}`);
    await turn();
  }
}

/** Lets the event loop go round, so that what was sent is read. */
export async function turn(): Promise<void> {
  for (let i = 0; i < 3; i++) await setImmediate();
}

export interface ScriptedServer {
  readonly port: number;
  /** Connections so far. */
  accepted(): number;
  /** Connections that are open now. */
  open(): number;
  close(): Promise<void>;
}

/** Runs `script` for each connection. What it throws is thrown again by `close`. */
export async function startScriptedServer(script: (peer: Peer) => Promise<void>, secure?: tls.TlsOptions): Promise<ScriptedServer> {
  const sockets = new Set<net.Socket>();
  const plays: Promise<void>[] = [];
  const onConnection = (socket: net.Socket): void => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    plays.push(script(new Peer(socket, plays.length)).finally(() => socket.end()));
  };
  const server = secure ? tls.createServer(secure, onConnection) : net.createServer({ allowHalfOpen: true }, onConnection);
  server.on('tlsClientError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as net.AddressInfo).port,
    accepted: () => plays.length,
    open: () => sockets.size,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      const closed = once(server, 'close');
      server.close();
      await closed;
      await Promise.all(plays);
    },
  };
}

function parseRequest(bytes: Buffer): ReceivedRequest {
  const [first = '', ...lines] = bytes.toString('latin1', 0, bytes.indexOf('\r\n\r\n')).split('\r\n');
  const [method = '', path = ''] = first.split(' ');
  const headers = Object.fromEntries(lines.map((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  }));
  return { method, path, headers, body: bytes.subarray(bytes.indexOf('\r\n\r\n') + 4) };
}
