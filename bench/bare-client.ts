/**
 * The leanest client that Node allows, for servers that answer as they should: raw sockets, bytes land where they belong, one request at a
 * time on a connection. It looks at the status and the length of an answer and at nothing else; on any surprise it gives up. The ceiling
 * to compare with, and no client for anything else.
 */
import net from 'node:net';
import { atEndOfTurn } from '../src/stores/end-of-turn.ts';

/** Of a read; larger ones do not pay. */
const READ_BYTES = 2 ** 20;
const SCRATCH_BYTES = 64 * 1024;

export interface BareAnswer { readonly head: string; readonly body: Buffer }

interface Exchange { readonly into: Buffer | null; readonly resolve: (answer: BareAnswer) => void; readonly reject: (error: Error) => void }

class BareConnection {
  readonly #socket: net.Socket;
  readonly #scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
  #headBytes = 0;
  #head = '';
  #body: Buffer | null = null;
  #filled = 0;
  #exchange: Exchange | null = null;

  constructor(port: number) {
    this.#socket = net.connect({
      host: '127.0.0.1', port,
      onread: {
        buffer: () => (this.#body ? this.#body.subarray(this.#filled, this.#filled + READ_BYTES) : this.#scratch.subarray(this.#headBytes)),
        callback: (lengthBytes) => {
          this.#take(lengthBytes);
          return true;
        },
      },
    });
    this.#socket.setNoDelay(true);
    this.#socket.on('error', (error) => this.#exchange?.reject(error));
    this.#socket.on('close', () => this.#exchange?.reject(new Error('the server closed a connection')));
  }

  /** @param into where the body goes, which has just its length; null: it is collected */
  exchange(head: string, body: Buffer | null, into: Buffer | null): Promise<BareAnswer> {
    return new Promise((resolve, reject) => {
      this.#exchange = { into, resolve, reject };
      // All requests of a turn of the loop in one go: the server is woken once for them. (5 % on the lean server.)
      atEndOfTurn(() => {
        if (body) this.#socket.cork();
        this.#socket.write(head, 'latin1');
        if (body) {
          this.#socket.write(body);
          this.#socket.uncork();
        }
      });
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(lengthBytes: number): void {
    if (this.#body) {
      this.#filled += lengthBytes;
    } else {
      this.#headBytes += lengthBytes;
      const end = this.#scratch.subarray(0, this.#headBytes).indexOf('\r\n\r\n', 0, 'latin1');
      if (end < 0) return;
      this.#head = this.#scratch.toString('latin1', 0, end);
      const sizeBytes = Number(/\r\ncontent-length: (\d+)/i.exec(this.#head)?.[1] ?? 0);
      const into = this.#exchange?.into;
      this.#body = into ?? Buffer.allocUnsafe(sizeBytes);
      if (this.#head[9] !== '2' || this.#body.length !== sizeBytes) {
        this.#exchange?.reject(new Error(`not the answer that was asked for, ${this.#body.length} bytes: ${this.#head}${this.#scratch.toString('latin1', end, this.#headBytes)}`));
        return;
      }
      this.#filled = this.#scratch.copy(this.#body, 0, end + 4, this.#headBytes);
    }
    if (this.#filled === this.#body.length) this.#finish(this.#body);
  }

  #finish(body: Buffer): void {
    const exchange = this.#exchange;
    this.#body = this.#exchange = null;
    this.#headBytes = this.#filled = 0;
    exchange?.resolve({ head: this.#head, body });
  }
}

/** As many connections as there are requests at a time. */
export class BareClient {
  readonly #port: number;
  readonly #free: BareConnection[] = [];
  readonly #all: BareConnection[] = [];

  constructor(port: number) {
    this.#port = port;
  }

  async request(head: string, body: Buffer | null, into: Buffer | null): Promise<BareAnswer> {
    const connection = this.#free.pop() ?? this.#open();
    const answer = await connection.exchange(head, body, into);
    this.#free.push(connection);
    return answer;
  }

  close(): void {
    for (const connection of this.#all) connection.close();
  }

  #open(): BareConnection {
    const connection = new BareConnection(this.#port);
    this.#all.push(connection);
    return connection;
  }
}
