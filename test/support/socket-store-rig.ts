/** The lean client before a server that gives the answers that a test writes for it. */
import { afterEach, expect } from '@jest/globals';
import { isTributaryError, type TributaryError } from '../../src/contracts/errors.ts';
import { createSocketStore, type ResolvedSocketConfig, type SocketStore } from '../../src/stores/socket/socket-store.ts';
import { startScriptedServer, until, type Peer, type ReceivedRequest, type ScriptedServer } from './scripted-server.ts';

export const IDENTITY = { accessKeyId: 'key', secretAccessKey: 'secret' };

/** A whole answer as text; none: the connection is reset. */
type Answer = string | ((request: ReceivedRequest, peer: Peer) => string | Promise<string>);

type GetCredentials = Parameters<typeof createSocketStore>[2];

export interface SocketStoreRig {
  readonly server: ScriptedServer;
  readonly store: SocketStore;
  /** What the server was asked, in order. */
  readonly requests: readonly ReceivedRequest[];
  /** Answers each request, over all connections, with the next of these; the last one again and again. */
  start(answers: readonly Answer[], config?: Partial<ResolvedSocketConfig>, credentials?: GetCredentials): Promise<void>;
}

/** To be called once at the top of a test file; after each test nothing of client or server is left. */
export function useSocketStore(): SocketStoreRig {
  let running: Pick<SocketStoreRig, 'server' | 'store' | 'requests'> | undefined;
  const started = (): NonNullable<typeof running> => {
    if (!running) throw new Error('nothing was started');
    return running;
  };

  afterEach(async () => {
    const { server, store } = started();
    store.close();
    expect(store.connections().open).toBe(0);
    await until(() => server.open() === 0);
    await server.close();
  });

  return {
    get server() {
      return started().server;
    },
    get store() {
      return started().store;
    },
    get requests() {
      return started().requests;
    },
    start: async (answers, config = {}, credentials = () => Promise.resolve(IDENTITY)) => {
      const requests: ReceivedRequest[] = [];
      const server = await startScriptedServer(async (peer) => {
        for (let request = await peer.request(); request; request = await peer.request()) {
          requests.push(request);
          const next = answers[Math.min(requests.length, answers.length) - 1] ?? '';
          const text = typeof next === 'string' ? next : await next(request, peer);
          if (text === '') peer.reset();
          await peer.send(text);
        }
      });
      const store = createSocketStore('test', { endpoint: `http://127.0.0.1:${server.port}`, region: 'us-east-1', pathStyle: true, ...config }, credentials);
      running = { server, store, requests };
    },
  };
}

export function answer(status: number, headers: Readonly<Record<string, string>>, body = ''): string {
  const lines = Object.entries({ 'content-length': String(Buffer.byteLength(body)), ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} Whatever\r\n${lines.join('')}\r\n${body}`;
}

export function refusal(status: number, code: string, headers: Readonly<Record<string, string>> = {}): string {
  return answer(status, { 'content-type': 'application/xml', ...headers }, `<?xml version="1.0"?><Error><Code>${code}</Code><Message>because of ${code}</Message></Error>`);
}

/** The error of ours that it rejects with. */
export async function failureOf(promise: Promise<unknown>): Promise<TributaryError> {
  const error: unknown = await promise.then(() => 'no error', (reason: unknown) => reason);
  if (!isTributaryError(error)) throw new Error(`not an error of ours: ${String(error)}`, { cause: error });
  return error;
}
