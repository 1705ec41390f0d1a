import { afterEach, describe, expect, it } from '@jest/globals';
import { HttpFailure } from '../../../src/stores/socket/failure.ts';
import { HttpClient, type HttpClientOptions } from '../../../src/stores/socket/http1.ts';
import type { HttpAnswer, Place } from '../../../src/stores/socket/answer-reader.ts';
import { startScriptedServer, turn, until, type Peer, type ScriptedServer } from '../../support/scripted-server.ts';

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello';
const EMPTY = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n';
const collect: Place = () => 2 ** 20;

let server: ScriptedServer;
let client: HttpClient;
const unhandled: unknown[] = [];
process.on('unhandledRejection', (reason) => unhandled.push(reason));

async function start(script: (peer: Peer) => Promise<void>, options: HttpClientOptions = {}): Promise<void> {
  server = await startScriptedServer(script);
  client = new HttpClient(options);
}

/** Answers each request of a connection with the next of these, in order. */
const answering = (...answers: string[]) => async (peer: Peer): Promise<void> => {
  for (const answer of answers) {
    if (!await peer.request()) return;
    await peer.send(answer);
  }
  await peer.gone();
};

interface Wanted { readonly place?: Place; readonly signal?: AbortSignal; readonly idempotent?: boolean; readonly body?: readonly Uint8Array[] }
function ask({ place = collect, signal, idempotent = true, body }: Wanted = {}): Promise<HttpAnswer> {
  const bodyBytes = body?.reduce((sum, view) => sum + view.byteLength, 0);
  const head = `${body ? 'PUT' : 'GET'} /x HTTP/1.1\r\nhost: x\r\n${bodyBytes === undefined ? '' : `content-length: ${bodyBytes}\r\n`}\r\n`;
  return client.request({ host: '127.0.0.1', port: server.port, tls: false }, { head, body, idempotent, place, signal });
}
const textOf = (answer: HttpAnswer): string => Buffer.from(answer.body).toString('latin1');
const failureOf = async (promise: Promise<unknown>): Promise<HttpFailure> => {
  const error: unknown = await promise.then(() => undefined, (reason: unknown) => reason);
  expect(error).toBeInstanceOf(HttpFailure);
  return error as HttpFailure;
};
/** Resolves when the server has no connection left. */
const drained = (): Promise<void> => until(() => server.open() === 0);

afterEach(async () => {
  client.close();
  expect(client.counts).toEqual({ open: 0, free: 0, waiting: 0 });
  await drained();
  await server.close();
  expect(unhandled).toEqual([]);
});

describe('HttpClient: answers', () => {
  it('reads an answer that is split at every byte, on one connection', async () => {
    await start(async (peer) => {
      for (let at = 1; at < OK.length && await peer.request(); at++) {
        await peer.send(OK.slice(0, at));
        await peer.send(OK.slice(at));
      }
      await peer.gone();
    });
    for (let at = 1; at < OK.length; at++) expect(textOf(await ask())).toBe('hello');
    expect(server.accepted()).toBe(1);
  });

  it('receives a large body in place', async () => {
    const body = Buffer.alloc(3_000_000, 'tributary\n');
    await start(async (peer) => {
      await peer.request();
      await peer.send(`HTTP/1.1 206 Partial Content\r\nContent-Length: ${body.length}\r\n\r\n`);
      await peer.send(body);
      await peer.gone();
    });
    const slab = Buffer.alloc(body.length + 2);
    const answer = await ask({ place: () => slab.subarray(1, 1 + body.length) });
    expect(answer.body.buffer).toBe(slab.buffer);
    expect(slab.subarray(1, 1 + body.length).equals(body)).toBe(true);
    expect([slab[0], slab.at(-1)]).toEqual([0, 0]);
  });

  it('sends every view of a large body, in order, to a server that is slow to read', async () => {
    const views = Array.from({ length: 40 }, (_, at) => Buffer.alloc(at * 10_000, at));
    let received: Buffer | undefined;
    await start(async (peer) => {
      peer.socket.pause();
      await turn();
      peer.socket.resume();
      received = (await peer.request())?.body;
      await peer.send(EMPTY);
      await peer.gone();
    });
    expect((await ask({ body: views })).head.status).toBe(200);
    expect(received?.equals(Buffer.concat(views))).toBe(true);
  });

  it('passes on what `place` throws, and closes the connection', async () => {
    await start(answering(OK, OK));
    const refusal = new Error('not this one');
    await expect(ask({ place: () => { throw refusal; } })).rejects.toBe(refusal);
    await drained();
    expect(client.counts.open).toBe(0);
  });
});

describe('HttpClient: connections', () => {
  const reused: Record<string, [answer: string, body: string]> = {
    'a body': [OK, 'hello'],
    'no body': [EMPTY, ''],
    'an error with a body': ['HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone', 'gone'],
    'chunks': ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n', 'hi'],
    'an interim answer': [`HTTP/1.1 100 Continue\r\n\r\n${OK}`, 'hello'],
    '304 with the length of what it does not send': ['HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n', ''],
  };
  for (const [name, [answer, body]] of Object.entries(reused)) {
    it(`keeps the connection after ${name}`, async () => {
      await start(answering(answer, OK, answer));
      expect(textOf(await ask())).toBe(body);
      expect(textOf(await ask())).toBe('hello');
      expect(textOf(await ask())).toBe(body);
      expect(server.accepted()).toBe(1);
      expect(client.counts).toEqual({ open: 1, free: 1, waiting: 0 });
    });
  }

  const notReused: Record<string, string> = {
    'an answer that says so': 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello',
    'HTTP/1.0': 'HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello',
    'bytes after the answer, in one read': `${OK}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil`,
  };
  for (const [name, answer] of Object.entries(notReused)) {
    it(`closes the connection after ${name}`, async () => {
      await start(async (peer) => { await answering(peer.index === 0 ? answer : OK)(peer); });
      expect(textOf(await ask())).toBe('hello');
      expect(client.counts.open).toBe(0);
      expect(textOf(await ask())).toBe('hello');
      expect(server.accepted()).toBe(2);
    });
  }

  it('reads a body to the end of the connection where nothing else ends it', async () => {
    await start(async (peer) => {
      await peer.request();
      await peer.send('HTTP/1.1 200 OK\r\n\r\nhel');
      await peer.send('lo');
      peer.end();
    });
    expect(textOf(await ask())).toBe('hello');
    expect(client.counts.open).toBe(0);
  });

  it('closes a free connection on which the server sends what nobody asked for', async () => {
    const more: (() => void)[] = [];
    await start(async (peer) => {
      await peer.request();
      await peer.send(OK);
      await new Promise<void>((resolve) => more.push(resolve));
      await peer.send('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil');
      await peer.gone();
    });
    await ask();
    await until(() => more.length === 1);
    expect(client.counts.free).toBe(1);
    more[0]?.();
    await drained();
    expect(client.counts.open).toBe(0);
  });

  it('takes the connection that became free last', async () => {
    const peers: Peer[] = [];
    const asked: number[] = [];
    await start(async (peer) => {
      peers.push(peer);
      while (await peer.request()) {
        asked.push(peer.index);
        if (asked.length > 2) await peer.send(OK);
      }
    });
    const both = [ask(), ask()];
    await until(() => asked.length === 2);
    for (const index of [1, 0]) {
      await peers[index]?.send(OK);
      await until(() => client.counts.free === 2 - index);
    }
    await Promise.all(both);
    await ask();
    await ask();
    expect(asked.slice(2)).toEqual([0, 0]);
  });

  it('never opens more connections than it may, and serves all who wait', async () => {
    const busy: Peer[] = [];
    await start(async (peer) => {
      while (await peer.request()) {
        busy.push(peer);
        if (busy.length === 3) for (const one of busy.splice(0)) await one.send(OK);
      }
    }, { maxSockets: 3 });
    const answers = Array.from({ length: 9 }, () => ask());
    await until(() => client.counts.waiting === 6);
    expect(client.counts.open).toBe(3);
    expect((await Promise.all(answers)).map(textOf)).toEqual(Array.from({ length: 9 }, () => 'hello'));
    expect(server.accepted()).toBe(3);
    expect(client.counts).toEqual({ open: 3, free: 3, waiting: 0 });
  });

  it('serves who waits when a connection is gone', async () => {
    await start(async (peer) => {
      await peer.request();
      if (peer.index === 0) peer.reset();
      await peer.send(OK);
    }, { maxSockets: 1 });
    const [first, second] = [failureOf(ask()), ask()];
    expect((await first).kind).toBe('broken');
    expect(textOf(await second)).toBe('hello');
  });

  it('closes connections that were free for long, and lets the others age', async () => {
    await start(answering(OK, OK), { idleMs: 20 });
    await Promise.all([ask(), ask()]);
    expect(client.counts.free).toBe(2);
    await drained();
    expect(client.counts.open).toBe(0);
  });

  it('gives a place back when a connection cannot be opened', async () => {
    await start(answering());
    const { port } = server;
    await server.close();
    client = new HttpClient({ maxSockets: 1 });
    for (let i = 0; i < 3; i++) {
      const failure = await failureOf(client.request({ host: '127.0.0.1', port, tls: false }, { head: '', idempotent: true, place: collect }));
      expect(failure).toMatchObject({ kind: 'connect', code: 'ECONNREFUSED', answered: false });
    }
    server = await startScriptedServer(answering());
  });

  it('rejects what is under way and what waits when it is closed', async () => {
    await start(async (peer) => { await peer.request(); await peer.gone(); }, { maxSockets: 1 });
    const asked = [ask(), ask(), ask()].map((promise) => promise.then(() => 'answered', (error: unknown) => (error as Error).message));
    await until(() => client.counts.waiting === 2);
    client.close();
    expect(await Promise.all(asked)).toEqual(['the connection was closed by this side', 'the store is closed', 'the store is closed']);
  });
});

describe('HttpClient: what breaks', () => {
  const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nhello, world';
  const headBytes = answer.indexOf('\r\n\r\n') + 4;

  for (const [how, act] of Object.entries({ reset: (peer: Peer) => { peer.reset(); }, end: (peer: Peer) => { peer.end(); } })) {
    it(`says how much of the body came when the server's ${how} comes at any byte`, async () => {
      let cut = 0;
      await start(async (peer) => {
        await peer.request();
        if (cut > 0) await peer.send(answer.slice(0, cut));
        act(peer);
      });
      for (cut = 0; cut < answer.length; cut++) {
        const into = Buffer.alloc(12);
        const failure = await failureOf(ask({ place: () => into }));
        const receivedBytes = Math.max(0, cut - headBytes);
        expect({ cut, kind: failure.kind, code: failure.code, answered: failure.answered, receivedBytes: failure.receivedBytes })
          .toEqual({ cut, kind: 'broken', code: 'ECONNRESET', answered: cut > 0, receivedBytes });
        expect(into.toString('latin1', 0, receivedBytes)).toBe('hello, world'.slice(0, receivedBytes));
        expect(client.counts.open).toBe(0);
      }
    });

    it(`sends a request again, once, when a kept connection ends by ${how} before any byte`, async () => {
      await start(async (peer) => {
        if (peer.index !== 2) {
          await peer.request();
          await peer.send(OK);
        }
        if (peer.index === 3) return peer.gone();
        await peer.request();
        act(peer);
      });
      await ask();
      expect(textOf(await ask())).toBe('hello'); // Connection 0 ends, 1 answers.
      const failure = await failureOf(ask()); // 1 ends, 2 ends too.
      expect(failure).toMatchObject({ kind: 'broken', answered: false });
      expect(server.accepted()).toBe(3);
      expect(textOf(await ask())).toBe('hello');
    });

    it(`does not send a request again that must not be, or of which an answer has begun, when the connection ends by ${how}`, async () => {
      await start(async (peer) => {
        await peer.request();
        await peer.send(OK);
        const second = await peer.request();
        if (second?.method === 'GET') await peer.send('H');
        act(peer);
      });
      await ask();
      expect(await failureOf(ask({ idempotent: false, body: [Buffer.from('x')] }))).toMatchObject({ answered: false });
      await ask();
      expect(await failureOf(ask())).toMatchObject({ answered: true });
      expect(server.accepted()).toBe(2);
    });
  }

  /** Answers the first request of each connection, and resets it at the second. */
  const onceOnly = async (peer: Peer): Promise<void> => {
    await peer.request();
    await peer.send(OK);
    if (await peer.request()) peer.reset();
  };

  it('sends again on a new connection, not on another kept one that may be dead as well', async () => {
    await start(onceOnly);
    await Promise.all([ask(), ask()]);
    expect(client.counts.free).toBe(2);
    expect(textOf(await ask())).toBe('hello');
    expect(server.accepted()).toBe(3);
  });

  it('sends again on a new connection also where it has to wait for a place', async () => {
    await start(onceOnly, { maxSockets: 1 });
    await ask();
    expect((await Promise.all([ask(), ask()])).map(textOf)).toEqual(['hello', 'hello']);
    expect(server.accepted()).toBe(3);
  });

  it('does not risk a request that must not be sent twice on a connection that was free for long', async () => {
    await start(answering(OK, OK), { maxSockets: 1 });
    await ask();
    const clock = performance.now.bind(performance);
    performance.now = () => clock() + 1_001;
    try {
      await ask({ idempotent: false });
    } finally {
      performance.now = clock;
    }
    expect(server.accepted()).toBe(2);
  });

  it('refuses malformed answers, and closes the connection', async () => {
    await start(answering('HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!'));
    expect(await failureOf(ask())).toMatchObject({ kind: 'malformed', answered: true, receivedBytes: 0 });
    await drained();
  });
});

describe('HttpClient: refused bodies', () => {
  const large = [Buffer.alloc(64 * 2 ** 20)];
  const refusal = 'HTTP/1.1 403 Forbidden\r\nContent-Length: 6\r\n\r\ndenied';

  it('reads an answer that comes before the body is sent, and never uses that connection again', async () => {
    await start(async (peer) => {
      peer.socket.pause();
      await peer.send(peer.index === 0 ? refusal : OK);
      await turn();
      peer.socket.resume();
      await peer.gone();
    });
    expect(textOf(await ask({ body: large, idempotent: false }))).toBe('denied');
    expect(client.counts.open).toBe(0);
  });

  it('does not keep a connection on which a body was refused, though all of it was sent', async () => {
    await start(answering(refusal));
    expect((await ask({ body: [Buffer.from('x')] })).head.status).toBe(403);
    expect(client.counts.open).toBe(0);
  });

  it('does not believe a success that comes before the body is sent', async () => {
    await start(async (peer) => {
      peer.socket.pause();
      await peer.send(EMPTY);
      await turn();
      peer.socket.resume();
      await peer.gone();
    });
    expect(await failureOf(ask({ body: large }))).toMatchObject({ kind: 'malformed' });
  });

  it('does not send a body again that was refused by a reset after a part of it', async () => {
    await start(async (peer) => {
      await peer.head();
      peer.reset();
    });
    expect((await failureOf(ask({ body: large }))).kind).toBe('broken');
    expect(server.accepted()).toBe(1);
  });
});

describe('HttpClient: giving up', () => {
  const silent = async (peer: Peer): Promise<void> => { await peer.gone(); };

  it('waits for a first byte as long as it was told', async () => {
    await start(silent, { timeouts: { firstByteMs: 20 } });
    expect(await failureOf(ask())).toMatchObject({ kind: 'timeout', code: 'ETIMEDOUT', answered: false });
  });

  it('gives up a body that the server does not read', async () => {
    let unread: Peer | undefined;
    await start(async (peer) => { unread = peer; peer.socket.pause(); await peer.gone(); }, { timeouts: { firstByteMs: 20 } });
    expect(await failureOf(ask({ body: [Buffer.alloc(64 * 2 ** 20)] }))).toMatchObject({ kind: 'timeout', answered: false });
    unread?.socket.resume();
  });

  it('waits for the rest of a body as long as it was told, and says how much came', async () => {
    await start(async (peer) => { await peer.request(); await peer.send(OK.slice(0, -2)); await peer.gone(); }, { timeouts: { idleBodyMs: 20 } });
    const into = Buffer.alloc(5);
    expect(await failureOf(ask({ place: () => into }))).toMatchObject({ kind: 'timeout', receivedBytes: 3 });
  });

  it('gives up connecting, the TLS handshake included', async () => {
    await start(silent, { timeouts: { connectMs: 20 } });
    const failure = await failureOf(client.request({ host: '127.0.0.1', port: server.port, tls: true }, { head: '', idempotent: true, place: collect }));
    expect(failure).toMatchObject({ kind: 'connect', code: 'ETIMEDOUT' });
  });

  const reason = new Error('given up');
  const stages: Record<string, { script: (peer: Peer, abort: () => void) => Promise<void>; body?: readonly Uint8Array[] }> = {
    'before the answer': { script: async (peer, abort) => { await peer.request(); abort(); await peer.gone(); } },
    'in the head': { script: async (peer, abort) => { await peer.request(); await peer.send('HTTP/1.1 20'); abort(); await peer.gone(); } },
    'in the body': { script: async (peer, abort) => { await peer.request(); await peer.send(OK.slice(0, -2)); abort(); await peer.gone(); } },
    'in a chunk': { script: async (peer, abort) => { await peer.request(); await peer.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe'); abort(); await peer.gone(); } },
    'while the request is sent': { script: async (peer, abort) => { await peer.head(); abort(); await peer.gone(); }, body: [Buffer.alloc(64 * 2 ** 20)] },
  };
  for (const [stage, { script, body }] of Object.entries(stages)) {
    it(`rejects with the reason of the signal ${stage}, and closes that connection only`, async () => {
      const controller = new AbortController();
      await start(async (peer) => {
        if (peer.index === 0) await answering(OK, OK)(peer);
        else await script(peer, () => { controller.abort(reason); });
      });
      const first = ask();
      await expect(ask({ signal: controller.signal, ...(body && { body }) })).rejects.toBe(reason);
      expect(textOf(await first)).toBe('hello');
      expect(client.counts).toEqual({ open: 1, free: 1, waiting: 0 });
    });
  }

  it('rejects at once where the signal was aborted before, while connecting, and while waiting for a connection', async () => {
    await start(silent, { maxSockets: 1 });
    await expect(ask({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(server.accepted()).toBe(0);

    const connecting = new AbortController();
    const rejected = expect(ask({ signal: connecting.signal })).rejects.toBe(reason);
    connecting.abort(reason);
    await rejected;
    expect(client.counts.open).toBe(0);

    const [under, waiting] = [new AbortController(), new AbortController()];
    const first = expect(ask({ signal: under.signal })).rejects.toBe(reason);
    const second = expect(ask({ signal: waiting.signal })).rejects.toBe(reason);
    await until(() => client.counts.waiting === 1);
    waiting.abort(reason);
    await second;
    expect(client.counts).toEqual({ open: 1, free: 0, waiting: 0 });
    under.abort(reason);
    await first;
  });

  it('gives a connection back unused when its caller gives up at the moment it becomes free', async () => {
    const controller = new AbortController();
    await start(answering(OK, OK), { maxSockets: 1 });
    // After the connection was handed on, and before it is used.
    const first = ask({ place: () => { queueMicrotask(() => { controller.abort(reason); }); return 100; } });
    const second = expect(ask({ signal: controller.signal })).rejects.toBe(reason);
    await first;
    await second;
    expect(textOf(await ask())).toBe('hello');
    expect(server.accepted()).toBe(1);
  });

  it('leaves no listener on a signal that serves many requests, and warns of none', async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error): void => { warnings.push(warning); };
    process.on('warning', onWarning);
    const { signal } = new AbortController();
    let listeners = 0;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => { listeners++; add(...args); };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => { listeners--; remove(...args); };
    await start(answering(...Array.from({ length: 10 }, () => OK)), { maxSockets: 20 });
    await Promise.all(Array.from({ length: 100 }, () => ask({ signal })));
    await turn();
    process.off('warning', onWarning);
    expect(listeners).toBe(0);
    expect(warnings).toEqual([]);
  });
});

it('lets the process end while connections are free', async () => {
  await start(answering(OK));
  await ask();
  const sockets = process.getActiveResourcesInfo().filter((kind) => kind === 'TCPSocketWrap').length;
  // Those of the server, which lives in this process, remain.
  expect(sockets).toBe(server.open());
});
