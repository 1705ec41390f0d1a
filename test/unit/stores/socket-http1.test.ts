import net from 'node:net';
import { describe, expect, it, jest } from '@jest/globals';
import { answering, collect, EMPTY, failureOf, OK, textOf, useHttpRig } from '../../support/http-rig.ts';
import { startScriptedServer, turn, until, type Peer } from '../../support/scripted-server.ts';

const rig = useHttpRig();

describe('HttpClient: answers', () => {
  it('reads an answer that is split at every byte, on one connection', async () => {
    await rig.start(async (peer) => {
      for (let at = 1; at < OK.length && await peer.request(); at++) {
        await peer.send(OK.slice(0, at));
        await peer.send(OK.slice(at));
      }
      await peer.gone();
    });
    for (let at = 1; at < OK.length; at++) expect(textOf(await rig.ask())).toBe('hello');
    expect(rig.server.accepted()).toBe(1);
  });

  it('receives a large body in place', async () => {
    const body = Buffer.alloc(3_000_000, 'tributary\n');
    await rig.start(async (peer) => {
      await peer.request();
      await peer.send(`HTTP/1.1 206 Partial Content\r\nContent-Length: ${body.length}\r\n\r\n`);
      await peer.send(body);
      await peer.gone();
    });
    const slab = Buffer.alloc(body.length + 2);
    const answer = await rig.ask({ place: () => slab.subarray(1, 1 + body.length) });
    expect(answer.body.buffer).toBe(slab.buffer);
    expect(slab.subarray(1, 1 + body.length).equals(body)).toBe(true);
    expect([slab[0], slab.at(-1)]).toEqual([0, 0]);
  });

  it('sends every view of a large body, in order, to a server that is slow to read', async () => {
    const views = Array.from({ length: 40 }, (_, at) => Buffer.alloc(at * 10_000, at));
    let received: Buffer | undefined;
    await rig.start(async (peer) => {
      peer.socket.pause();
      await turn();
      peer.socket.resume();
      received = (await peer.request())?.body;
      await peer.send(EMPTY);
      await peer.gone();
    });
    expect((await rig.ask({ body: views })).head.status).toBe(200);
    expect(received?.equals(Buffer.concat(views))).toBe(true);
  });

  it('passes on what `place` throws, and closes the connection', async () => {
    await rig.start(answering(OK, OK));
    const refusal = new Error('not this one');
    await expect(rig.ask({ place: () => { throw refusal; } })).rejects.toBe(refusal);
    await rig.drained();
    expect(rig.client.counts.open).toBe(0);
  });
});

describe('HttpClient: connections', () => {
  it('asks the system to probe them, so that a peer that is gone without a word is noticed', async () => {
    const probing = jest.spyOn(net.Socket.prototype, 'setKeepAlive');
    await rig.start(answering(OK));
    await rig.ask();
    expect(probing).toHaveBeenCalledWith(true, 5000);
    probing.mockRestore();
  });

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
      await rig.start(answering(answer, OK, answer));
      expect(textOf(await rig.ask())).toBe(body);
      expect(textOf(await rig.ask())).toBe('hello');
      expect(textOf(await rig.ask())).toBe(body);
      expect(rig.server.accepted()).toBe(1);
      expect(rig.client.counts).toEqual({ open: 1, free: 1, waiting: 0 });
    });
  }

  const notReused: Record<string, string> = {
    'an answer that says so': 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello',
    'HTTP/1.0': 'HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello',
    'bytes after the answer, in one read': `${OK}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil`,
  };
  for (const [name, answer] of Object.entries(notReused)) {
    it(`closes the connection after ${name}`, async () => {
      await rig.start(async (peer) => { await answering(peer.index === 0 ? answer : OK)(peer); });
      expect(textOf(await rig.ask())).toBe('hello');
      expect(rig.client.counts.open).toBe(0);
      expect(textOf(await rig.ask())).toBe('hello');
      expect(rig.server.accepted()).toBe(2);
    });
  }

  it('reads a body to the end of the connection where nothing else ends it', async () => {
    await rig.start(async (peer) => {
      await peer.request();
      await peer.send('HTTP/1.1 200 OK\r\n\r\nhel');
      await peer.send('lo');
      peer.end();
    });
    expect(textOf(await rig.ask())).toBe('hello');
    expect(rig.client.counts.open).toBe(0);
  });

  it('closes a free connection on which the server sends what nobody asked for', async () => {
    const more: (() => void)[] = [];
    await rig.start(async (peer) => {
      await peer.request();
      await peer.send(OK);
      await new Promise<void>((resolve) => more.push(resolve));
      await peer.send('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil');
      await peer.gone();
    });
    await rig.ask();
    await until(() => more.length === 1);
    expect(rig.client.counts.free).toBe(1);
    more[0]?.();
    await rig.drained();
    expect(rig.client.counts.open).toBe(0);
  });

  it('takes the connection that became free last', async () => {
    const peers: Peer[] = [];
    const asked: number[] = [];
    await rig.start(async (peer) => {
      peers.push(peer);
      while (await peer.request()) {
        asked.push(peer.index);
        if (asked.length > 2) await peer.send(OK);
      }
    });
    const both = [rig.ask(), rig.ask()];
    await until(() => asked.length === 2);
    for (const index of [1, 0]) {
      await peers[index]?.send(OK);
      await until(() => rig.client.counts.free === 2 - index);
    }
    await Promise.all(both);
    await rig.ask();
    await rig.ask();
    expect(asked.slice(2)).toEqual([0, 0]);
  });

  it('never opens more connections than it may, and serves all who wait', async () => {
    const busy: Peer[] = [];
    await rig.start(async (peer) => {
      while (await peer.request()) {
        busy.push(peer);
        if (busy.length === 3) for (const one of busy.splice(0)) await one.send(OK);
      }
    }, { maxSockets: 3 });
    const answers = Array.from({ length: 9 }, () => rig.ask());
    await until(() => rig.client.counts.waiting === 6);
    expect(rig.client.counts.open).toBe(3);
    expect((await Promise.all(answers)).map(textOf)).toEqual(Array.from({ length: 9 }, () => 'hello'));
    expect(rig.server.accepted()).toBe(3);
    expect(rig.client.counts).toEqual({ open: 3, free: 3, waiting: 0 });
  });

  it('serves who waits when a connection is gone', async () => {
    await rig.start(async (peer) => {
      await peer.request();
      if (peer.index === 0) peer.reset();
      await peer.send(OK);
    }, { maxSockets: 1 });
    const [first, second] = [failureOf(rig.ask()), rig.ask()];
    expect((await first).kind).toBe('broken');
    expect(textOf(await second)).toBe('hello');
  });

  it('closes connections that were free for long, and lets the others age', async () => {
    await rig.start(answering(OK, OK), { idleMs: 20 });
    await Promise.all([rig.ask(), rig.ask()]);
    expect(rig.client.counts.free).toBe(2);
    await rig.drained();
    expect(rig.client.counts.open).toBe(0);
  });

  it('gives a place back when a connection cannot be opened', async () => {
    await rig.start(answering(), { maxSockets: 1 });
    const closed = await startScriptedServer(answering());
    await closed.close();
    for (let i = 0; i < 3; i++) {
      const failure = await failureOf(rig.client.request({ host: '127.0.0.1', port: closed.port, tls: false }, { head: '', idempotent: true, place: collect }));
      expect(failure).toMatchObject({ kind: 'connect', code: 'ECONNREFUSED', answered: false });
    }
  });

  it('rejects what is under way and what waits when it is closed', async () => {
    await rig.start(async (peer) => { await peer.request(); await peer.gone(); }, { maxSockets: 1 });
    const asked = [rig.ask(), rig.ask(), rig.ask()].map((promise) => promise.then(() => 'answered', (error: unknown) => (error as Error).message));
    await until(() => rig.client.counts.waiting === 2);
    rig.client.close();
    expect(await Promise.all(asked)).toEqual(['the connection was closed by this side', 'the store is closed', 'the store is closed']);
  });
});

it('lets the process end while connections are free', async () => {
  await rig.start(answering(OK));
  await rig.ask();
  const sockets = process.getActiveResourcesInfo().filter((kind) => kind === 'TCPSocketWrap').length;
  // Those of the server, which lives in this process, remain.
  expect(sockets).toBe(rig.server.open());
});
