/** A lean client and a scripted server for the tests of one file; after each test nothing of either is left. */
import { afterEach, expect } from '@jest/globals';
import type { HttpAnswer, Place } from '../../src/stores/socket/answer-reader.ts';
import { HttpFailure } from '../../src/stores/socket/failure.ts';
import { HttpClient, type HttpClientOptions } from '../../src/stores/socket/http1.ts';
import { startScriptedServer, until, type Peer, type ScriptedServer } from './scripted-server.ts';

export const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello';
export const EMPTY = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n';
export const collect: Place = () => 2 ** 20;

export interface Wanted {
  readonly place?: Place;
  readonly signal?: AbortSignal;
  /** Default: true. */
  readonly idempotent?: boolean;
  /** Makes a PUT of it. */
  readonly body?: readonly Uint8Array[];
}

export interface HttpRig {
  readonly server: ScriptedServer;
  readonly client: HttpClient;
  start(script: (peer: Peer) => Promise<void>, options?: HttpClientOptions): Promise<void>;
  ask(wanted?: Wanted): Promise<HttpAnswer>;
  /** Resolves when the server has no connection left. */
  drained(): Promise<void>;
}

/** To be called once at the top of a test file. */
export function useHttpRig(): HttpRig {
  const unhandled: unknown[] = [];
  process.on('unhandledRejection', (reason) => unhandled.push(reason));
  let server: ScriptedServer | undefined;
  let client: HttpClient | undefined;
  const running = <T>(part: T | undefined): T => {
    if (part === undefined) throw new Error('nothing was started');
    return part;
  };
  const drained = (): Promise<void> => until(() => running(server).open() === 0);

  afterEach(async () => {
    const { counts } = running(client);
    expect(counts.free).toBe(counts.open);
    running(client).close();
    expect(running(client).counts).toEqual({ open: 0, free: 0, waiting: 0 });
    await drained();
    await running(server).close();
    expect(unhandled).toEqual([]);
  });

  return {
    get server() {
      return running(server);
    },
    get client() {
      return running(client);
    },
    start: async (script, options = {}) => {
      server = await startScriptedServer(script);
      client = new HttpClient(options);
    },
    ask: ({ place = collect, signal, idempotent = true, body } = {}) => {
      const bodyBytes = body?.reduce((sum, view) => sum + view.byteLength, 0);
      const head = `${body ? 'PUT' : 'GET'} /x HTTP/1.1\r\nhost: x\r\n${bodyBytes === undefined ? '' : `content-length: ${bodyBytes}\r\n`}\r\n`;
      return running(client).request({ host: '127.0.0.1', port: running(server).port, tls: false }, { head, body, idempotent, place, signal });
    },
    drained,
  };
}

/** Answers each request of a connection with the next of these, in order. */
export const answering = (...answers: readonly string[]) => async (peer: Peer): Promise<void> => {
  for (const answer of answers) {
    if (!await peer.request()) return;
    await peer.send(answer);
  }
  await peer.gone();
};

export const textOf = (answer: HttpAnswer): string => Buffer.from(answer.body).toString('latin1');

export async function failureOf(promise: Promise<unknown>): Promise<HttpFailure> {
  const error: unknown = await promise.then(() => undefined, (reason: unknown) => reason);
  expect(error).toBeInstanceOf(HttpFailure);
  return error as HttpFailure;
}
