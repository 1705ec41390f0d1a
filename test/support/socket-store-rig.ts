/** The lean client before a server that gives the answers that a test writes for it. */
import { isTributaryError, type TributaryError } from '../../src/contracts/errors.ts';
import { createSocketStore, type ResolvedSocketConfig, type SocketStore } from '../../src/stores/socket/socket-store.ts';
import { startScriptedServer, type Peer, type ReceivedRequest, type ScriptedServer } from './scripted-server.ts';

export const IDENTITY = { accessKeyId: 'key', secretAccessKey: 'secret' };

/** A whole answer as text; none: the connection is reset. */
type Answer = string | ((request: ReceivedRequest, peer: Peer) => string | Promise<string>);

/** Answers each request, over all connections, with the next of these; the last one again and again. */
export async function startSocketStore(answers: readonly Answer[], config: Partial<ResolvedSocketConfig> = {}): Promise<{ server: ScriptedServer; store: SocketStore; requests: ReceivedRequest[] }> {
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
  const store = createSocketStore('test', { endpoint: `http://127.0.0.1:${server.port}`, region: 'us-east-1', pathStyle: true, ...config }, () => Promise.resolve(IDENTITY));
  return { server, store, requests };
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
