import { randomInt } from 'node:crypto';
import { connect, createServer } from 'node:net';
import { TributaryError } from '../../contracts/errors.ts';

/**
 * Ports below those that systems hand out by themselves (from 32768 on Linux, from 49152 on macOS): one of those can be taken by any connection, or
 * by another listener of the same program, between being chosen and being bound, and while a server on it is started again.
 */
const LOWEST = 15_000;
const HIGHEST = 32_000;

/** The preferred port of 127.0.0.1 where it is free (0: no preference), else any free one, which is not one of `except`. */
export async function choosePort(preferred = 0, except: readonly number[] = []): Promise<number> {
  for (let port = preferred === 0 ? randomInt(LOWEST, HIGHEST) : preferred; ; port = randomInt(LOWEST, HIGHEST)) {
    if (!except.includes(port) && await isFree(port)) return port;
  }
}

/** For a port that somebody named: another one would not do. @throws TRB-INVALID-CONFIG where it is taken */
export async function requirePort(flag: string, port = 0): Promise<void> {
  if (port === 0 || await isFree(port)) return;
  throw new TributaryError('TRB-INVALID-CONFIG', `${flag} ${port}: something else on this machine listens there; name another port, or none for a free one`);
}

async function isFree(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const server = createServer();
  server.once('error', () => { resolve(false); });
  server.listen({ port, host: '127.0.0.1' }, () => { server.close(() => { resolve(true); }); });
  return promise;
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
