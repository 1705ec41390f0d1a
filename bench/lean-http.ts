/**
 * The HTTP of the lean server: takes requests apart and sends answers, as cheaply as Node allows, so that a client's own cost is what is seen.
 *
 * Owns what has come of a request on each connection. A body is handed on only where somebody wants it; of others only the length is kept.
 */
import net from 'node:net';

export interface Request {
  readonly method: string;
  /** As it was sent, without the query. */
  readonly path: string;
  readonly query: string;
  /** Of a header, by lower-case name. */
  header(name: string): string | undefined;
}

export interface Answer {
  readonly status: number;
  /** Header lines, each with its line end; without those that every answer has. */
  readonly headers?: string;
  /** Views that are sent without being copied. */
  readonly body?: Iterable<Uint8Array>;
  /** Of the body; also where it is left out, as after HEAD. */
  readonly sizeBytes?: number;
}

export interface Service {
  /** A ready answer for a request that needs nothing else than its head, or undefined. */
  quick(request: Request): Buffer | undefined;
  /** Whether the bytes of the body are wanted. */
  keepsBody(request: Request): boolean;
  /** @param body empty where it was not wanted */
  answer(request: Request, bodyBytes: number, body: Buffer): Answer;
}

/** What S3 sends with each answer, so that heads are of the usual length. */
const COMMON_HEADERS = `x-amz-id-2: ${'i'.repeat(76)}\r\nx-amz-request-id: 4442587FB7D0A2F9\r\nDate: Wed, 28 Jan 2026 10:00:00 GMT\r\nServer: lean\r\n`;
const REASONS: Readonly<Record<number, string>> = { 200: 'OK', 204: 'No Content', 206: 'Partial Content', 404: 'Not Found', 412: 'Precondition Failed', 416: 'Range Not Satisfiable' };
const NOTHING = Buffer.alloc(0);
const HEAD_END = '\r\n\r\n';

export function headOf({ status, headers = '', sizeBytes = 0 }: Answer): string {
  return `HTTP/1.1 ${status} ${REASONS[status] ?? 'Error'}\r\n${COMMON_HEADERS}${headers}Content-Length: ${sizeBytes}${HEAD_END}`;
}

class ParsedRequest implements Request {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly #head: string;
  #lower: string | undefined;

  constructor(head: string) {
    this.#head = head;
    const pathStart = head.indexOf(' ') + 1;
    const pathEnd = head.indexOf(' ', pathStart);
    const target = head.slice(pathStart, pathEnd);
    const mark = target.indexOf('?');
    this.method = head.slice(0, pathStart - 1);
    this.path = mark < 0 ? target : target.slice(0, mark);
    this.query = mark < 0 ? '' : target.slice(mark + 1);
  }

  header(name: string): string | undefined {
    this.#lower ??= this.#head.toLowerCase();
    const at = this.#lower.indexOf(`\n${name}:`);
    if (at < 0) return undefined;
    const end = this.#head.indexOf('\r', at);
    return this.#head.slice(at + name.length + 2, end < 0 ? undefined : end).trim();
  }
}

class Conversation {
  readonly #socket: net.Socket;
  readonly #service: Service;
  #head: Buffer = NOTHING;
  #request: Request | null = null;
  #bodyBytes = 0;
  #left = 0;
  #kept: Buffer[] = [];
  #keeps = false;

  constructor(socket: net.Socket, service: Service) {
    this.#socket = socket;
    this.#service = service;
    socket.setNoDelay(true);
    socket.on('data', (bytes: Buffer) => { this.#take(bytes); });
    socket.on('error', () => { socket.destroy(); });
  }

  #take(bytes: Buffer): void {
    for (let rest = bytes; rest.length > 0;) rest = this.#request ? this.#takeBody(rest) : this.#takeHead(rest);
  }

  #takeHead(bytes: Buffer): Buffer {
    const all = this.#head.length === 0 ? bytes : Buffer.concat([this.#head, bytes]);
    const end = all.indexOf(HEAD_END, 0, 'latin1');
    if (end < 0) {
      this.#head = all;
      return NOTHING;
    }
    this.#head = NOTHING;
    const request = new ParsedRequest(all.toString('latin1', 0, end));
    const rest = all.subarray(end + HEAD_END.length);
    const quick = this.#service.quick(request);
    if (quick) {
      this.#socket.write(quick);
      return rest;
    }
    this.#request = request;
    this.#bodyBytes = this.#left = Number(request.header('content-length') ?? 0);
    this.#keeps = this.#left > 0 && this.#service.keepsBody(request);
    if (request.header('expect') !== undefined) this.#socket.write('HTTP/1.1 100 Continue\r\n\r\n');
    if (this.#left === 0) this.#finish(request);
    return rest;
  }

  #takeBody(bytes: Buffer): Buffer {
    const part = bytes.length > this.#left ? bytes.subarray(0, this.#left) : bytes;
    this.#left -= part.length;
    if (this.#keeps) this.#kept.push(part);
    if (this.#left === 0 && this.#request) this.#finish(this.#request);
    return bytes.length > part.length ? bytes.subarray(part.length) : NOTHING;
  }

  #finish(request: Request): void {
    this.#request = null;
    const body = this.#kept.length === 0 ? NOTHING : Buffer.concat(this.#kept);
    this.#kept = [];
    const answer = this.#service.answer(request, this.#bodyBytes, body);
    const socket = this.#socket;
    socket.cork();
    socket.write(headOf(answer), 'latin1');
    if (request.method !== 'HEAD') for (const view of answer.body ?? []) socket.write(view);
    socket.uncork();
  }
}

/** Serves on a free port of 127.0.0.1; resolves to it. */
export async function serve(service: Service): Promise<{ readonly port: number; readonly close: () => void }> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    new Conversation(socket, service);
  });
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  return {
    port: (server.address() as net.AddressInfo).port,
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
