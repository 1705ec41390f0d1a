import { describe, expect, it, jest } from '@jest/globals';
import { createGate } from '../../support/gate.ts';
import { answering, collect, EMPTY, failureOf, OK, textOf, useHttpRig } from '../../support/http-rig.ts';
import { turn, until, type Peer } from '../../support/scripted-server.ts';

const rig = useHttpRig();

/** Asks, and holds back what is done at the end of this turn of the event loop. */
function holdingTurn<T>(ask: () => T): { readonly outcome: T; readonly endTurn: () => void } {
  const held: (() => void)[] = [];
  const spy = jest.spyOn(globalThis, 'setImmediate').mockImplementation((action: () => void) => held.push(action) as unknown as NodeJS.Immediate);
  const outcome = ask();
  spy.mockRestore();
  return { outcome, endTurn: () => { for (const action of held) action(); } };
}

describe('HttpClient: what breaks', () => {
  const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nhello, world';
  const headBytes = answer.indexOf('\r\n\r\n') + 4;

  for (const [how, act] of Object.entries({ reset: (peer: Peer) => { peer.reset(); }, end: (peer: Peer) => { peer.end(); } })) {
    it(`says how much of the body came when the server's ${how} comes at any byte`, async () => {
      let cut = 0;
      await rig.start(async (peer) => {
        await peer.request();
        if (cut > 0) await peer.send(answer.slice(0, cut));
        act(peer);
      });
      for (cut = 0; cut < answer.length; cut++) {
        const into = Buffer.alloc(12);
        const failure = await failureOf(rig.ask({ place: () => into }));
        const receivedBytes = Math.max(0, cut - headBytes);
        expect({ cut, kind: failure.kind, code: failure.code, answered: failure.answered, receivedBytes: failure.receivedBytes })
          .toEqual({ cut, kind: 'broken', code: 'ECONNRESET', answered: cut > 0, receivedBytes });
        expect(into.toString('latin1', 0, receivedBytes)).toBe('hello, world'.slice(0, receivedBytes));
        expect(rig.client.counts.open).toBe(0);
      }
    });

    it(`sends a request again, once, when a kept connection ends by ${how} before any byte`, async () => {
      await rig.start(async (peer) => {
        if (peer.index !== 2) {
          await peer.request();
          await peer.send(OK);
        }
        if (peer.index === 3) return peer.gone();
        await peer.request();
        act(peer);
      });
      await rig.ask();
      expect(textOf(await rig.ask())).toBe('hello'); // Connection 0 ends, 1 answers.
      const failure = await failureOf(rig.ask()); // 1 ends, 2 ends too.
      expect(failure).toMatchObject({ kind: 'broken', answered: false });
      expect(rig.server.accepted()).toBe(3);
      expect(textOf(await rig.ask())).toBe('hello');
    });

    it(`does not send a request again that must not be, or of which an answer has begun, when the connection ends by ${how}`, async () => {
      await rig.start(async (peer) => {
        await peer.request();
        await peer.send(OK);
        const second = await peer.request();
        if (second?.method === 'GET') await peer.send('H');
        act(peer);
      });
      await rig.ask();
      expect(await failureOf(rig.ask({ idempotent: false, body: [Buffer.from('x')] }))).toMatchObject({ answered: false });
      await rig.ask();
      expect(await failureOf(rig.ask())).toMatchObject({ answered: true });
      expect(rig.server.accepted()).toBe(2);
    });
  }

  /** Answers the first request of each connection, and resets it at the second. */
  const onceOnly = async (peer: Peer): Promise<void> => {
    await peer.request();
    await peer.send(OK);
    if (await peer.request()) peer.reset();
  };

  it('sends again on a new connection, not on another kept one that may be dead as well', async () => {
    await rig.start(onceOnly);
    await Promise.all([rig.ask(), rig.ask()]);
    expect(rig.client.counts.free).toBe(2);
    expect(textOf(await rig.ask())).toBe('hello');
    expect(rig.server.accepted()).toBe(3);
  });

  it('sends again on a new connection also where it has to wait for a place', async () => {
    await rig.start(onceOnly, { maxSockets: 1 });
    await rig.ask();
    expect((await Promise.all([rig.ask(), rig.ask()])).map(textOf)).toEqual(['hello', 'hello']);
    expect(rig.server.accepted()).toBe(3);
  });

  for (const idempotent of [true, false]) {
    it(`takes what comes before a request is sent for no answer to it, but for the end of the connection: it is ${idempotent ? 'sent on another' : 'known not to be answered'}`, async () => {
      const [late, closed] = [createGate(), createGate()];
      await rig.start(async (peer) => {
        if (peer.index > 0) return answering(OK)(peer);
        await peer.request();
        await peer.send(OK);
        await late.opened;
        await peer.send('HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 4\r\n\r\nlate');
        await peer.gone();
        closed.open();
      });
      await rig.ask();
      const { outcome, endTurn } = holdingTurn(() => rig.ask({ idempotent }).then(textOf, (error: unknown) => error));
      late.open();
      await closed.opened;
      endTurn();
      if (idempotent) expect(await outcome).toBe('hello');
      else expect(await outcome).toMatchObject({ kind: 'broken', code: 'ECONNRESET', answered: false });
    });
  }

  it('does not risk a request that must not be sent twice on a connection that was free for long', async () => {
    await rig.start(answering(OK, OK), { maxSockets: 1 });
    await rig.ask();
    const clock = performance.now.bind(performance);
    performance.now = () => clock() + 1_001;
    try {
      await rig.ask({ idempotent: false });
    } finally {
      performance.now = clock;
    }
    expect(rig.server.accepted()).toBe(2);
  });

  it('refuses malformed answers, and closes the connection', async () => {
    await rig.start(answering('HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!'));
    expect(await failureOf(rig.ask())).toMatchObject({ kind: 'malformed', answered: true, receivedBytes: 0 });
    await rig.drained();
  });
});

describe('HttpClient: refused bodies', () => {
  const large = [Buffer.alloc(64 * 2 ** 20)];
  const refusal = 'HTTP/1.1 403 Forbidden\r\nContent-Length: 6\r\n\r\ndenied';

  it('reads an answer that comes before the body is sent, and never uses that connection again', async () => {
    await rig.start(async (peer) => {
      peer.socket.pause();
      await peer.send(peer.index === 0 ? refusal : OK);
      await turn();
      peer.socket.resume();
      await peer.gone();
    });
    expect(textOf(await rig.ask({ body: large, idempotent: false }))).toBe('denied');
    expect(rig.client.counts.open).toBe(0);
  });

  it('does not keep a connection on which a body was refused, though all of it was sent', async () => {
    await rig.start(answering(refusal));
    expect((await rig.ask({ body: [Buffer.from('x')] })).head.status).toBe(403);
    expect(rig.client.counts.open).toBe(0);
  });

  it('does not believe a success that comes before the body is sent', async () => {
    await rig.start(async (peer) => {
      peer.socket.pause();
      await peer.send(EMPTY);
      await turn();
      peer.socket.resume();
      await peer.gone();
    });
    expect(await failureOf(rig.ask({ body: large }))).toMatchObject({ kind: 'malformed' });
  });

  it('does not send a body again that was refused by a reset after a part of it', async () => {
    await rig.start(async (peer) => {
      await peer.head();
      peer.reset();
    });
    expect((await failureOf(rig.ask({ body: large }))).kind).toBe('broken');
    expect(rig.server.accepted()).toBe(1);
  });
});

describe('HttpClient: giving up', () => {
  const silent = async (peer: Peer): Promise<void> => { await peer.gone(); };

  it('waits for a first byte as long as it was told', async () => {
    await rig.start(silent, { timeouts: { firstByteMs: 20 } });
    expect(await failureOf(rig.ask())).toMatchObject({ kind: 'timeout', code: 'ETIMEDOUT', answered: false });
  });

  it('gives up a body that the server does not read', async () => {
    let unread: Peer | undefined;
    await rig.start(async (peer) => { unread = peer; peer.socket.pause(); await peer.gone(); }, { timeouts: { firstByteMs: 20 } });
    expect(await failureOf(rig.ask({ body: [Buffer.alloc(64 * 2 ** 20)] }))).toMatchObject({ kind: 'timeout', answered: false });
    unread?.socket.resume();
  });

  it('waits for the rest of a body as long as it was told, and says how much came', async () => {
    await rig.start(async (peer) => { await peer.request(); await peer.send(OK.slice(0, -2)); await peer.gone(); }, { timeouts: { idleBodyMs: 20 } });
    const into = Buffer.alloc(5);
    expect(await failureOf(rig.ask({ place: () => into }))).toMatchObject({ kind: 'timeout', receivedBytes: 3 });
  });

  it('gives up connecting, the TLS handshake included', async () => {
    await rig.start(silent, { timeouts: { connectMs: 20 } });
    const failure = await failureOf(rig.client.request({ host: '127.0.0.1', port: rig.server.port, tls: true }, { head: '', idempotent: true, place: collect }));
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
      await rig.start(async (peer) => {
        if (peer.index === 0) await answering(OK, OK)(peer);
        else await script(peer, () => { controller.abort(reason); });
      });
      const first = rig.ask();
      await expect(rig.ask({ signal: controller.signal, ...(body && { body }) })).rejects.toBe(reason);
      expect(textOf(await first)).toBe('hello');
      expect(rig.client.counts).toEqual({ open: 1, free: 1, waiting: 0 });
    });
  }

  it('rejects at once where the signal was aborted before, while connecting, and while waiting for a connection', async () => {
    await rig.start(silent, { maxSockets: 1 });
    await expect(rig.ask({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(rig.server.accepted()).toBe(0);

    const connecting = new AbortController();
    const rejected = expect(rig.ask({ signal: connecting.signal })).rejects.toBe(reason);
    connecting.abort(reason);
    await rejected;
    expect(rig.client.counts.open).toBe(0);

    const [under, waiting] = [new AbortController(), new AbortController()];
    const first = expect(rig.ask({ signal: under.signal })).rejects.toBe(reason);
    const second = expect(rig.ask({ signal: waiting.signal })).rejects.toBe(reason);
    await until(() => rig.client.counts.waiting === 1);
    waiting.abort(reason);
    await second;
    expect(rig.client.counts).toEqual({ open: 1, free: 0, waiting: 0 });
    under.abort(reason);
    await first;
  });

  it('gives a connection back unused when its caller gives up at the moment it becomes free', async () => {
    const controller = new AbortController();
    await rig.start(answering(OK, OK), { maxSockets: 1 });
    // After the connection was handed on, and before it is used.
    const first = rig.ask({ place: () => { queueMicrotask(() => { controller.abort(reason); }); return 100; } });
    const second = expect(rig.ask({ signal: controller.signal })).rejects.toBe(reason);
    await first;
    await second;
    expect(textOf(await rig.ask())).toBe('hello');
    expect(rig.server.accepted()).toBe(1);
  });

  it('puts one listener on a signal that serves many requests, which concerns none of them once they are answered', async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error): void => { warnings.push(warning); };
    process.on('warning', onWarning);
    const aborter = new AbortController();
    const { signal } = aborter;
    let listeners = 0;
    const add = signal.addEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => { listeners++; add(...args); };
    await rig.start(answering(...Array.from({ length: 10 }, () => OK)), { maxSockets: 20 });
    await Promise.all(Array.from({ length: 100 }, () => rig.ask({ signal })));
    await turn();
    process.off('warning', onWarning);
    expect(listeners).toBe(1);
    expect(warnings).toEqual([]);
    const another = rig.ask({});
    aborter.abort();
    await another;
  });
});
