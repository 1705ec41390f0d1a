/** A lean HTTP/1.1 client over raw sockets: pools by origin, and the one case in which a request is sent again. */
import type { HttpAnswer } from './answer-reader.ts';
import { type Connection, type HttpRequest, type Origin, type Timeouts } from './connection.ts';
import { Pool } from './pool.ts';

export interface HttpClientOptions {
  /** To one origin. Default 128. */
  readonly maxSockets?: number | undefined;
  /** How long a free connection is kept. Default 30 s. */
  readonly idleMs?: number | undefined;
  /** Default: connect 10 s, first byte 60 s, idle body 30 s. */
  readonly timeouts?: Partial<Timeouts> | undefined;
}

const DEFAULT_TIMEOUTS: Timeouts = { connectMs: 10_000, firstByteMs: 60_000, idleBodyMs: 30_000 };

/** A request that must not be sent twice is not risked on a connection that the server may have given up. */
const FRESH_ENOUGH_MS = 1_000;

/** Connections to an origin, and how a request is sent once more, on a new one. */
interface Way { readonly pool: Pool; readonly again: (request: HttpRequest) => Promise<HttpAnswer> }

export class HttpClient {
  readonly #ways = new Map<string, Way>();
  readonly #options: HttpClientOptions;
  /** Nearly every request goes where the one before went, and says so by the same object. */
  #last: { readonly origin: Origin; readonly way: Way } | undefined;

  constructor(options: HttpClientOptions = {}) {
    this.#options = options;
  }

  /**
   * Sends a request and resolves with the answer, whatever its status, once its body is where it belongs. An idempotent
   * request that dies on a reused connection before any byte of its answer is sent once more, on a new connection.
   * @throws HttpFailure; the signal's reason; what `place` throws
   */
  request(origin: Origin, request: HttpRequest): Promise<HttpAnswer> {
    const { signal, idempotent } = request;
    if (signal?.aborted) return Promise.reject(signal.reason as Error);
    const { pool, again } = this.#way(origin);
    const onceMore = idempotent ? again : undefined;
    const acquired = pool.acquire({ signal, maxIdleMs: idempotent ? Infinity : FRESH_ENOUGH_MS });
    // No promise is made that is not needed: this is the way of every small object.
    return acquired instanceof Promise ? acquired.then((connection) => exchange(connection, request, onceMore)) : exchange(acquired, request, onceMore);
  }

  /** Connections to all origins. */
  get counts(): { readonly open: number; readonly free: number; readonly waiting: number } {
    const sum = { open: 0, free: 0, waiting: 0 };
    for (const { pool } of this.#ways.values()) {
      const { open, free, waiting } = pool.counts;
      sum.open += open;
      sum.free += free;
      sum.waiting += waiting;
    }
    return sum;
  }

  close(): void {
    for (const { pool } of this.#ways.values()) pool.close();
  }

  #way(origin: Origin): Way {
    if (this.#last?.origin === origin) return this.#last.way;
    const name = `${origin.tls ? 'https' : 'http'}://${origin.host}:${origin.port}`;
    let way = this.#ways.get(name);
    if (!way) {
      const { maxSockets = 128, idleMs = 30_000, timeouts } = this.#options;
      const pool = new Pool(origin, { maxSockets, idleMs, timeouts: { ...DEFAULT_TIMEOUTS, ...timeouts } });
      way = { pool, again: async (request) => exchange(await pool.acquire({ signal: request.signal, maxIdleMs: -1 }), request) };
      this.#ways.set(name, way);
    }
    this.#last = { origin, way };
    return way;
  }
}

/** The caller may have given up between the connection and its use. */
function exchange(connection: Connection, request: HttpRequest, again?: Way['again']): Promise<HttpAnswer> {
  if (!request.signal?.aborted) return connection.exchange(request, again);
  connection.release();
  return Promise.reject(request.signal.reason as Error);
}
