import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startTcpProxy, type TcpProxy } from '../../support/tcp-proxy.ts';

/** A connection through the proxy to a server that sends back what it gets. */
class Client {
  readonly socket: Socket;
  received = '';
  closed = false;
  #wake: () => void = () => undefined;

  constructor(endpoint: string) {
    this.socket = connect(Number(new URL(endpoint).port), '127.0.0.1');
    this.socket.on('error', () => undefined);
    this.socket.on('data', (bytes: Buffer) => {
      this.received += bytes.toString();
      this.#wake();
    });
    this.socket.on('close', () => {
      this.closed = true;
      this.#wake();
    });
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => { this.#wake = resolve; });
  }
}

describe('the TCP proxy', () => {
  let echo: Server;
  let proxy: TcpProxy;
  const clients: Client[] = [];
  const open = (): Client => {
    const client = new Client(proxy.endpoint);
    clients.push(client);
    return client;
  };
  beforeEach(async () => {
    echo = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.pipe(socket);
    }).listen(0, '127.0.0.1');
    await once(echo, 'listening');
    proxy = await startTcpProxy(`http://127.0.0.1:${(echo.address() as AddressInfo).port}`);
  });
  afterEach(async () => {
    for (const { socket } of clients.splice(0)) socket.destroy();
    await proxy.close();
    echo.close();
  });

  it('passes bytes both ways', async () => {
    const client = open();
    client.socket.write('hello');
    await client.until(() => client.received === 'hello');
    expect(proxy.connections()).toBe(1);
  });

  it('breaks one connection after so many bytes, either way', async () => {
    proxy.cutAnswerAfter(3);
    const first = open();
    first.socket.write('hello');
    await first.until(() => first.closed);
    expect(first.received).toBe('hel');
    proxy.cutRequestAfter(3);
    const second = open();
    second.socket.write('hello');
    await second.until(() => second.closed);
    expect(second.received).toBe('');
    const third = open();
    third.socket.write('hello');
    await third.until(() => third.received === 'hello');
  });

  it('refuses connections, open ones too', async () => {
    const early = open();
    early.socket.write('a');
    await early.until(() => early.received === 'a');
    proxy.refuse(true);
    await early.until(() => early.closed);
    const late = open();
    await late.until(() => late.closed);
    proxy.refuse(false);
    const third = open();
    third.socket.write('c');
    await third.until(() => third.received === 'c');
  });

  it('freezes connections, and lets pass what came meanwhile when they thaw', async () => {
    const early = open();
    early.socket.write('a');
    await early.until(() => early.received === 'a');
    proxy.freeze(true);
    const late = open();
    early.socket.write('b');
    late.socket.write('c');
    // Connections of another proxy need as long: what passes at all has passed by then.
    const other = await startTcpProxy(proxy.endpoint);
    await once(connect(Number(new URL(other.endpoint).port), '127.0.0.1').on('error', () => undefined), 'connect');
    expect([early.received, early.closed, late.received, late.closed]).toEqual(['a', false, '', false]);
    proxy.freeze(false);
    await early.until(() => early.received === 'ab');
    await late.until(() => late.received === 'c');
    await other.close();
  });
});
