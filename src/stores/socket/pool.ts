/**
 * The connections to one origin.
 *
 * Invariants: at most `maxSockets` connections exist, opening ones included; a connection is free, or with one caller, or gone;
 * the one that became free last is taken first, so that the others can age out; callers that wait are served in order.
 */
import { addAbortListener, removeAbortListener } from './abort-listeners.ts';
import { Connection, type Origin, type Timeouts } from './connection.ts';

export interface PoolOptions {
  readonly maxSockets: number;
  /** A connection that was free for so long is closed. */
  readonly idleMs: number;
  readonly timeouts: Timeouts;
}

export interface AcquireOptions {
  readonly signal?: AbortSignal | undefined;
  /** Take a free connection only if it became free less than so long ago, as the server may close an older one at any moment; below 0: a new one only. */
  readonly maxIdleMs: number;
}

interface Waiter { readonly options: AcquireOptions; readonly take: (connection: Connection | Promise<Connection>) => void; readonly fail: (reason: unknown) => void }

export class Pool {
  readonly #origin: Origin;
  readonly #options: PoolOptions;
  /** The last is the one that became free last. */
  readonly #free: Connection[] = [];
  readonly #all = new Set<Connection>();
  readonly #waiters: Waiter[] = [];
  #session: Buffer | undefined;
  #sweep: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(origin: Origin, options: PoolOptions) {
    this.#origin = origin;
    this.#options = options;
  }

  get counts(): { readonly open: number; readonly free: number; readonly waiting: number } {
    return { open: this.#all.size, free: this.#free.length, waiting: this.#waiters.length };
  }

  /** A free or a new connection, for one exchange. @throws HttpFailure of kind `connect`, or the signal's reason */
  acquire(options: AcquireOptions): Connection | Promise<Connection> {
    const connection = this.#reusable(options.maxIdleMs);
    if (connection) return connection;
    if (this.#all.size < this.#options.maxSockets) return this.#open(options.signal);
    return this.#wait(options);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#sweep);
    for (const waiter of this.#waiters.splice(0)) waiter.fail(new Error('the store is closed'));
    for (const connection of this.#all) connection.destroy();
  }

  #reusable(maxIdleMs: number): Connection | undefined {
    const connection = this.#free.at(-1);
    if (!connection) return undefined;
    if (maxIdleMs === Infinity || performance.now() - connection.freeSinceMs <= maxIdleMs) return this.#free.pop();
    // It makes room for a new one only where there is none: others may still use it.
    if (this.#all.size >= this.#options.maxSockets) this.#free[0]?.destroy();
    return undefined;
  }

  async #open(signal: AbortSignal | undefined): Promise<Connection> {
    const connection = new Connection(this.#origin, this.#options.timeouts, {
      onFree: (free) => this.#onFree(free),
      onGone: (gone) => this.#onGone(gone),
      onSession: (session) => { this.#session = session; },
    }, this.#session);
    this.#all.add(connection);
    await connection.open(signal);
    return connection;
  }

  #wait(options: AcquireOptions): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const { signal } = options;
      const giveUp: (reason: unknown) => void = reject;
      const settle = (): void => {
        if (signal) removeAbortListener(signal, onAbort);
        this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
      };
      const waiter: Waiter = {
        options,
        take: (connection) => { settle(); resolve(connection); },
        fail: (reason) => { settle(); giveUp(reason); },
      };
      const onAbort = (): void => waiter.fail(signal?.reason);
      this.#waiters.push(waiter);
      if (signal) addAbortListener(signal, onAbort);
    });
  }

  #onFree(connection: Connection): void {
    const waiter = this.#waiters[0];
    if (waiter && waiter.options.maxIdleMs >= 0) {
      waiter.take(connection);
    } else if (waiter || this.#closed) {
      connection.destroy();
    } else {
      connection.freeSinceMs = performance.now();
      connection.rest();
      this.#free.push(connection);
      this.#sweep ??= setTimeout(() => this.#closeIdle(), this.#options.idleMs).unref();
    }
  }

  #onGone(connection: Connection): void {
    this.#all.delete(connection);
    const at = this.#free.indexOf(connection);
    if (at >= 0) this.#free.splice(at, 1);
    const waiter = this.#waiters[0];
    if (waiter && !this.#closed && this.#all.size < this.#options.maxSockets) waiter.take(this.#open(waiter.options.signal));
  }

  #closeIdle(): void {
    const before = performance.now() - this.#options.idleMs;
    for (const connection of this.#free.filter((free) => free.freeSinceMs <= before)) connection.destroy();
    const oldest = this.#free[0];
    this.#sweep = oldest && setTimeout(() => this.#closeIdle(), Math.max(1, oldest.freeSinceMs - before)).unref();
  }
}
