import { connect, createServer } from 'node:net';

/** Resolves to the port that could be bound on 127.0.0.1 (0: any), or undefined where it is taken. */
async function tryPort(port: number): Promise<number | undefined> {
  const { promise, resolve } = Promise.withResolvers<number | undefined>();
  const server = createServer();
  server.once('error', () => { resolve(undefined); });
  server.listen({ port, host: '127.0.0.1' }, () => {
    const address = server.address();
    server.close(() => { resolve(typeof address === 'object' && address !== null ? address.port : undefined); });
  });
  return promise;
}

/** The preferred port where it is free, else any free one, which is not one of `except`. */
export async function choosePort(preferred: number | undefined, except: readonly number[] = []): Promise<number> {
  if (preferred !== undefined && preferred !== 0 && !except.includes(preferred)) {
    const port = await tryPort(preferred);
    if (port !== undefined) return port;
  }
  for (;;) {
    const port = await tryPort(0);
    if (port !== undefined && !except.includes(port)) return port;
  }
}

/** Whether something accepts connections at `host:port`, within half a second. */
export async function isListening(address: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const colon = address.lastIndexOf(':');
  const socket = connect({ host: address.slice(0, colon), port: Number(address.slice(colon + 1)), timeout: 500 });
  socket.once('connect', () => { resolve(true); });
  socket.once('error', () => { resolve(false); });
  socket.once('timeout', () => { resolve(false); });
  return promise.finally(() => { socket.destroy(); });
}
