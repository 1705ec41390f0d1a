import { afterAll, beforeAll, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { HttpFailure, type FailureKind } from '../../../src/stores/socket/failure.ts';
import { HttpClient } from '../../../src/stores/socket/http1.ts';
import { startScriptedServer, until, type Peer, type ScriptedServer } from '../../support/scripted-server.ts';

/** What the server does with one request; the request carries it, so that no order of connections matters. */
interface Play {
  readonly kind: 'ok' | 'close' | 'chunked' | 'until-close' | 'interim' | 'surplus' | 'refuse' | 'reset' | 'fin' | 'garbage' | 'two-lengths' | 'too-long' | 'abort';
  /** Where the answer is split, or where it breaks, as a share of it. */
  readonly at: number;
  readonly bodyBytes: number;
  /** Sent with the request; 0 for GET. */
  readonly uploadBytes: number;
  readonly placed: boolean;
}

const play: fc.Arbitrary<Play> = fc.record({
  kind: fc.constantFrom('ok', 'ok', 'ok', 'close', 'chunked', 'until-close', 'interim', 'surplus', 'refuse', 'reset', 'fin', 'garbage', 'two-lengths', 'too-long', 'abort'),
  at: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 999 }).map((permille) => permille / 1000)),
  bodyBytes: fc.oneof(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 60_000, max: 140_000 })),
  uploadBytes: fc.oneof(fc.constant(0), fc.constant(0), fc.integer({ min: 1, max: 3_000_000 })),
  placed: fc.boolean(),
}).map((own) => own.kind === 'surplus' ? { ...own, bodyBytes: Math.min(own.bodyBytes, 200) } : own);

/** Every byte of a body tells whose it is. */
const bodyOf = (id: number, bytes: number): Buffer => Buffer.alloc(bytes, `<${id}>`);

function answerOf(id: number, { kind, bodyBytes }: Play): Buffer {
  const body = bodyOf(id, bodyBytes);
  const http = (head: string, rest: Buffer = body): Buffer => Buffer.concat([Buffer.from(`${head.replaceAll('\n', '\r\n')}\r\n\r\n`), rest]);
  const ok = `HTTP/1.1 200 OK\nContent-Length: ${bodyBytes}`;
  switch (kind) {
    case 'close': return http(`${ok}\nConnection: close`);
    case 'until-close': return http('HTTP/1.1 200 OK');
    case 'chunked': return http('HTTP/1.1 200 OK\nTransfer-Encoding: chunked', Buffer.concat([Buffer.from(`${bodyBytes.toString(16)}\r\n`), body, Buffer.from('\r\n0\r\n\r\n')]));
    case 'interim': return http(`HTTP/1.1 100 Continue\n\n${ok}`);
    // Small, so that it comes in one read: what comes later could only be taken for the next answer, by any client.
    case 'surplus': return http(ok, Buffer.concat([body, Buffer.from('surplus')]));
    case 'refuse': return http(`HTTP/1.1 403 Forbidden\nContent-Length: ${bodyBytes}`);
    case 'garbage': return http('220 ready');
    case 'two-lengths': return http(`${ok}\nContent-Length: ${bodyBytes + 1}`);
    case 'too-long': return http(`HTTP/1.1 200 OK\nContent-Length: ${2 ** 30}`);
    default: return http(ok);
  }
}

const plays = new Map<number, Play>();
const aborts = new Map<number, AbortController>();
const reason = new Error('given up');

async function serve(peer: Peer): Promise<void> {
  for (let head = await peer.head(); head; head = await peer.head()) {
    const id = Number(head.path.slice(1));
    const own = plays.get(id);
    if (!own) throw new Error(`nobody asked for ${head.path}`);
    const answer = answerOf(id, own);
    // A refusal is sent as servers do it: before the body was read.
    if (own.kind !== 'refuse' && !await peer.request()) return;
    const cut = Math.floor(own.at * answer.length);
    if (own.kind === 'surplus') await peer.send(answer);
    else if (cut > 0) await peer.send(answer.subarray(0, cut));
    if (own.kind === 'reset') { peer.reset(); return; }
    if (own.kind === 'fin') return;
    if (own.kind === 'abort') {
      aborts.get(id)?.abort(reason);
      return peer.gone();
    }
    if (own.kind !== 'surplus') await peer.send(answer.subarray(cut));
    if (own.kind === 'until-close') return;
    if (own.kind === 'refuse' && !await peer.request()) return;
  }
}

const FAILS: Partial<Record<Play['kind'], FailureKind>> = { reset: 'broken', fin: 'broken', garbage: 'malformed', 'two-lengths': 'malformed', 'too-long': 'malformed' };

async function act(client: HttpClient, id: number, own: Play): Promise<void> {
  const upload = own.uploadBytes > 0 ? [bodyOf(id, own.uploadBytes)] : undefined;
  const head = `${upload ? 'PUT' : 'GET'} /${id} HTTP/1.1\r\nhost: x\r\n${upload ? `content-length: ${own.uploadBytes}\r\n` : ''}\r\n`;
  const slab = Buffer.alloc(own.bodyBytes + 2, 0xee);
  const into = slab.subarray(1, -1);
  const knowsLength = own.kind !== 'chunked' && own.kind !== 'until-close';
  const controller = new AbortController();
  aborts.set(id, controller);
  const outcome: unknown = await client.request({ host: '127.0.0.1', port: server.port, tls: false }, {
    head, body: upload, idempotent: true, signal: controller.signal, place: () => own.placed && knowsLength ? into : 2 ** 20,
  }).catch((error: unknown) => error);

  const expected = bodyOf(id, own.bodyBytes);
  const failure = FAILS[own.kind];
  expect([slab[0], slab.at(-1)]).toEqual([0xee, 0xee]);
  if (own.kind === 'abort') { expect(outcome).toBe(reason); return; }
  // A refused body may end as a broken connection, as the server says it before it has read all.
  if (own.kind === 'refuse' && upload && outcome instanceof HttpFailure) { expect(outcome.kind).toBe('broken'); return; }
  if (failure) {
    if (!(outcome instanceof HttpFailure)) throw new Error(`${own.kind} of ${id} did not fail`, { cause: outcome });
    expect(outcome.kind).toBe(failure);
    expect(into.subarray(0, outcome.receivedBytes).equals(expected.subarray(0, outcome.receivedBytes))).toBe(true);
    return;
  }
  if (outcome instanceof Error) throw new Error(`${own.kind} of ${id} failed`, { cause: outcome });
  const { body } = outcome as { readonly body: Uint8Array };
  expect(Buffer.compare(body, expected)).toBe(0);
  if (own.placed && knowsLength) expect(into.equals(expected)).toBe(true);
}

let server: ScriptedServer;
const unhandled: unknown[] = [];
const onUnhandled = (error: unknown): void => { unhandled.push(error); };

beforeAll(async () => {
  process.on('unhandledRejection', onUnhandled);
  server = await startScriptedServer(serve);
});
afterAll(async () => {
  await server.close();
  process.off('unhandledRejection', onUnhandled);
});

it('gives every request its own answer or its own failure, whatever happens to the others, and loses no connection', async () => {
  let nextId = 0;
  await fc.assert(fc.asyncProperty(fc.array(play, { minLength: 1, maxLength: 12 }), fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 12 }), async (wanted, maxSockets, atOnce) => {
    const client = new HttpClient({ maxSockets });
    const queue = [...wanted];
    try {
      await Promise.all(Array.from({ length: atOnce }, async () => {
        for (let own = queue.shift(); own; own = queue.shift()) {
          const id = nextId++;
          plays.set(id, own);
          await act(client, id, own);
        }
      }));
      const { open, free, waiting } = client.counts;
      expect({ free, waiting, within: open <= maxSockets }).toEqual({ free: open, waiting: 0, within: true });
    } finally {
      client.close();
    }
    await until(() => server.open() === 0);
  }), { numRuns: 100 });
  expect(unhandled).toEqual([]);
}, 120_000);
