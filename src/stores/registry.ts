/**
 * The stores of this process by name, and sessions over them. A session belongs to one activity call: it counts the requests
 * it makes, keeps to what its run may ask for, and retries. The governor behind it is shared by all sessions of a store.
 */
import type { TributaryError } from '../contracts/errors.ts';
import type { Encryption } from '../contracts/merge.ts';
import type { Requests } from '../contracts/tally.ts';
import type { Allowance } from './allowance.ts';
import type { ObjectStore } from './object-store.ts';

export interface SessionOptions {
  /** What it shares with other sessions of its run. Default: no limits. */
  readonly allowance?: Allowance;
  /** How long a transient failure is retried before it is thrown: `forever`, or milliseconds from the first failure of that request. */
  readonly patience: 'forever' | number;
  /** Of every object that it writes, where the request does not say it. There are buckets that refuse writes without it. */
  readonly encryption?: Encryption | undefined;
}

export interface StoreSession {
  /**
   * The port with retries, limits and counting. `readInto` resumes a broken body from the byte it reached and never throws InterruptedRead;
   * an error after some bytes says in its context how many (`receivedBytes`) are in the buffer and right.
   */
  readonly store: ObjectStore;
  /** Requests sent so far, retries included. Live: it goes on counting. */
  readonly requests: Requests;
  /** Requests sent again so far. */
  retries(): number;
  /** What the session waits for at the moment, in words ("store default throttles", "store default cannot be reached: …"), or null. */
  waitingFor(): string | null;
}

export interface StoreRegistry {
  names(): readonly string[];
  /** @throws TRB-UNKNOWN-STORE with the names there are */
  session(name: string, options: SessionOptions): StoreSession;
  /** Whether a store honours `If-None-Match: *`, where its configuration says it; undefined where that is to be tried (`probe.ts`). @throws TRB-UNKNOWN-STORE */
  createOnce(name: string): boolean | undefined;
  /** For health: one cheap call to each store, within `timeoutMs`. By store what is wrong, or null. */
  ping(timeoutMs: number): Promise<Readonly<Record<string, TributaryError | null>>>;
  close(): void;
}
