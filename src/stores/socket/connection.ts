/**
 * One HTTP/1.1 connection, and the one exchange that is on it at most.
 *
 * Owns the socket, its time-outs, and the sending. Invariants:
 * - An exchange is settled once: with its answer, or with the reason why there is none.
 * - Once `gone` nothing is read or written: the socket is destroyed in the same turn in which the exchange is settled, so the
 *   caller's buffers are the caller's again.
 * - A connection becomes free only when its request was sent whole, its answer consumed exactly, and the server keeps it.
 */
import net from 'node:net';
import tls from 'node:tls';
import { atEndOfTurn } from '../end-of-turn.ts';
import { isCertificateCode } from '../store-codes.ts';
import { addAbortListener, removeAbortListener } from './abort-listeners.ts';
import { AnswerReader, type HttpAnswer, type Landed, type Place } from './answer-reader.ts';
import { BodyPieces } from './body-pieces.ts';
import { HttpFailure, type FailureKind } from './failure.ts';
import { MalformedAnswer } from './head-parser.ts';

/** Handed to a TLS socket at a time: it encrypts, and so copies, all that it is given at once. A plain one copies nothing, and is given all. */
const TLS_WRITE_BYTES = 2 ** 20;

/** A peer that is gone without a word is noticed ten seconds after the first probe, and what forgets idle connections on the way does not forget this one. */
const KEEP_ALIVE_MS = 5000;

export interface Origin {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
}

export interface Timeouts {
  readonly connectMs: number;
  /** From the last byte sent to the first of the answer; progress of sending counts. */
  readonly firstByteMs: number;
  /** Between two reads of a body. */
  readonly idleBodyMs: number;
}

export interface HttpRequest {
  /** Request line and headers, with the empty line. */
  readonly head: string;
  /** Not to be changed until the request is settled. */
  readonly body?: readonly Uint8Array[] | undefined;
  /** Whether sending it twice does no harm. */
  readonly idempotent: boolean;
  /** How long the server may be silent, where that is longer than usual. */
  readonly silenceMs?: number | undefined;
  /** What it throws is what the request rejects with; the connection is closed then. */
  readonly place: Place;
  /** Told of bytes in the buffer that `place` gave, by offsets into its memory. */
  readonly landed?: Landed | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ConnectionHooks {
  /** Free for another exchange. */
  onFree(connection: Connection): void;
  /** Closed, by either side. Called once. */
  onGone(connection: Connection): void;
  /** A TLS session that a later connection may resume. */
  onSession(session: Buffer): void;
}

/** What is waited for: a connection, or an answer. */
interface Waiting { readonly signal: AbortSignal | undefined; readonly reject: (reason: unknown) => void }
interface Opening extends Waiting { readonly resolve: () => void }
interface Exchange extends Waiting { readonly resolve: (answer: HttpAnswer | Promise<HttpAnswer>) => void; readonly request: HttpRequest; readonly again: ((request: HttpRequest) => Promise<HttpAnswer>) | undefined }

export class Connection {
  /** When it became free last, by `performance.now()`. */
  freeSinceMs = 0;
  readonly #socket: net.Socket;
  readonly #timeouts: Timeouts;
  readonly #hooks: ConnectionHooks;
  readonly #reader = new AnswerReader();
  readonly #isTls: boolean;
  /** Whether an exchange has been completed on it. */
  #used = false;
  #connected = false;
  #gone = false;
  #opening: Opening | undefined;
  #exchange: Exchange | undefined;
  #unsent: BodyPieces | undefined;
  #timeoutMs = 0;

  /** Starts to connect; `open` says when that is done. */
  constructor(origin: Origin, timeouts: Timeouts, hooks: ConnectionHooks, session?: Buffer) {
    this.#timeouts = timeouts;
    this.#hooks = hooks;
    this.#isTls = origin.tls;
    this.#socket = connect(origin, { buffer: () => this.#reader.nextBuffer(), callback: (lengthBytes) => this.#onRead(lengthBytes) }, session);
    this.#socket.setNoDelay(true);
    this.#socket.setKeepAlive(true, KEEP_ALIVE_MS);
    this.#setTimeout(timeouts.connectMs);
    this.#socket.once(origin.tls ? 'secureConnect' : 'connect', () => this.#onConnected());
    this.#socket.on('error', (error: NodeJS.ErrnoException) => this.#fail('broken', this.#codeOf(error), error.message, error));
    this.#socket.on('end', () => this.#onEnd());
    this.#socket.on('close', () => this.#fail('broken', 'ECONNRESET', 'the connection was closed'));
    this.#socket.on('timeout', () => this.#fail('timeout', 'ETIMEDOUT', `the server did not ${this.#connected ? 'answer' : 'accept a connection'} within ${this.#timeoutMs} ms`));
    this.#socket.on('drain', () => this.#sendMore());
    if (origin.tls) this.#socket.on('session', (ticket: Buffer) => hooks.onSession(ticket));
  }

  /** Resolves when connected. @throws HttpFailure of kind `connect`, or the signal's reason */
  open(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#opening = { resolve, reject, signal };
      if (signal) addAbortListener(signal, this.#onAbort);
    });
  }

  /**
   * Sends a request at the end of this turn, and resolves with its answer, whatever its status.
   * @param again where the connection had been used and is lost before any byte of the answer: the answer is that of this
   * @throws HttpFailure, the signal's reason, what `place` and `again` throw
   */
  exchange(request: HttpRequest, again?: (request: HttpRequest) => Promise<HttpAnswer>): Promise<HttpAnswer> {
    return new Promise((resolve, reject) => {
      if (this.#gone) {
        reject(this.#failure('broken', 'ECONNRESET', 'the connection was closed'));
        return;
      }
      const { signal } = request;
      this.#exchange = { resolve, reject, signal, request, again };
      if (signal) addAbortListener(signal, this.#onAbort);
      atEndOfTurn(this.#send);
    });
  }

  readonly #send = (): void => {
    const request = this.#exchange?.request;
    if (!request) return;
    const socket = this.#socket;
    // Not before: what arrives until then answers nothing.
    this.#reader.begin(request.place, request.landed);
    this.#unsent = request.body && new BodyPieces(request.body);
    this.#setTimeout(request.silenceMs ?? this.#timeouts.firstByteMs);
    socket.ref();
    // Corked only where there is something to join the head to: it costs more than it looks.
    if (this.#unsent) socket.cork();
    socket.write(request.head, 'latin1');
    this.#sendMore();
    if (this.#unsent) socket.uncork();
  };

  /** Gives it back without an exchange. */
  release(): void {
    if (!this.#gone) this.#hooks.onFree(this);
  }

  /** Lets the process end while the connection is free. */
  rest(): void {
    this.#socket.unref();
  }

  /** Whatever is on it is rejected. */
  destroy(): void {
    this.#fail('broken', 'ECONNRESET', 'the connection was closed by this side');
  }

  readonly #onAbort = (): void => {
    const signal = this.#opening?.signal ?? this.#exchange?.signal;
    this.#abandon(signal?.reason);
  };

  #onConnected(): void {
    const opening = this.#opening;
    this.#connected = true;
    this.#opening = undefined;
    if (opening?.signal) removeAbortListener(opening.signal, this.#onAbort);
    opening?.resolve();
  }

  #onRead(lengthBytes: number): void {
    try {
      if (this.#reader.take(lengthBytes)) this.#finish();
      else if (this.#reader.inBody) this.#setTimeout(this.#exchange?.request.silenceMs ?? this.#timeouts.idleBodyMs);
    } catch (error) {
      if (!(error instanceof MalformedAnswer)) this.#abandon(error);
      else if (this.#reader.answered) this.#fail('malformed', 'MALFORMED_ANSWER', error.message, error);
      // What came before the request was sent says nothing about it, but that the server has given the connection up.
      else this.#fail('broken', 'ECONNRESET', error.message, error);
    }
  }

  #onEnd(): void {
    if (this.#reader.end()) this.#finish();
    else this.#fail('broken', 'ECONNRESET', 'the server closed the connection before the end of its answer');
  }

  #setTimeout(timeoutMs: number): void {
    if (timeoutMs === this.#timeoutMs) return;
    this.#timeoutMs = timeoutMs;
    this.#socket.setTimeout(timeoutMs);
  }

  #sendMore(): void {
    if (!this.#unsent) return;
    const socket = this.#socket;
    let budgetBytes = this.#isTls ? TLS_WRITE_BYTES : Infinity;
    socket.cork();
    while (budgetBytes > 0) {
      const piece = this.#unsent.next(budgetBytes);
      if (!piece) break;
      budgetBytes -= piece.byteLength;
      socket.write(piece);
    }
    socket.uncork();
  }

  #finish(): void {
    const exchange = this.#exchange;
    if (!exchange) return;
    const { answer, clean } = this.#reader.finish();
    if (answer.head.status < 300 && !this.#isSent) {
      this.#fail('malformed', 'MALFORMED_ANSWER', `the server answered ${answer.head.status} before it had the whole body`);
      return;
    }
    // A server that refuses a body has often not read it: what is left of it would be taken for the next request.
    const sent = this.#unsent === undefined || (answer.head.status < 300 && this.#socket.writableLength === 0);
    this.#forget();
    if (clean && sent) {
      this.#used = true;
      this.#hooks.onFree(this);
    } else {
      this.#close();
    }
    exchange.resolve(answer);
  }

  /** Whether the body has left. A TLS socket tells of it only after the answer may have come: there it counts that all was handed over. */
  get #isSent(): boolean {
    return this.#unsent === undefined || (this.#unsent.empty && (this.#isTls || this.#socket.writableLength === 0));
  }

  /** What TLS has to say of an established connection is about bytes that were damaged on their way: the certificate was right. */
  #codeOf({ code = 'ECONNRESET' }: NodeJS.ErrnoException): string {
    return this.#connected && isCertificateCode(code) ? 'ECONNRESET' : code;
  }

  #failure(kind: FailureKind, code: string, message: string, cause?: unknown): HttpFailure {
    return new HttpFailure(this.#connected ? kind : 'connect', code, message, this.#reader, cause);
  }

  #fail(kind: FailureKind, code: string, message: string, cause?: unknown): void {
    if (!this.#gone) this.#abandon(this.#failure(kind, code, message, cause));
  }

  #abandon(reason: unknown): void {
    if (this.#gone) return;
    const opening = this.#opening;
    const exchange = this.#exchange;
    this.#forget();
    this.#close();
    if (exchange?.again && this.#used && isLost(reason)) exchange.resolve(exchange.again(exchange.request));
    else (opening ?? exchange)?.reject(reason);
  }

  /** Drops what belongs to the exchange, above all the caller's buffers. */
  #forget(): void {
    const signal = (this.#opening ?? this.#exchange)?.signal;
    if (signal) removeAbortListener(signal, this.#onAbort);
    this.#opening = this.#exchange = this.#unsent = undefined;
    this.#reader.reset();
  }

  #close(): void {
    this.#gone = true;
    this.#socket.destroy();
    this.#hooks.onGone(this);
  }
}

/** Whether nothing came before the connection was gone: as where the server had closed it while the request was on its way. */
function isLost(reason: unknown): boolean {
  return reason instanceof HttpFailure && reason.kind === 'broken' && !reason.answered;
}

function connect(origin: Origin, onread: { buffer: () => Uint8Array<ArrayBuffer>; callback: (lengthBytes: number) => void }, session: Buffer | undefined): net.Socket {
  const { host, port } = origin;
  const read = { buffer: onread.buffer, callback: (lengthBytes: number) => { onread.callback(lengthBytes); return true; } };
  if (!origin.tls) return net.connect({ host, port, onread: read });
  const options = { host, port, session, ALPNProtocols: ['http/1.1'], ...(net.isIP(host) ? {} : { servername: host }) };
  // `onread` is documented for TLS too, but its types lack it.
  return tls.connect({ ...options, onread: read } as tls.ConnectionOptions);
}
