/** A TCP proxy that breaks connections on demand: between a client and a real server, so that faults are real ones. */
import { connect, createServer, type Socket } from 'node:net';

export interface TcpProxy {
  readonly endpoint: string;
  /** Breaks the next connections that answer (one, or so many; 0: none any more), each after so many bytes of answers on it; then goes on as before. */
  cutAnswerAfter(bytes: number, times?: number): void;
  /** Breaks the next connection after so many bytes of requests on it. */
  cutRequestAfter(bytes: number): void;
  /** From now on every connection is refused at once, or none. */
  refuse(on: boolean): void;
  /** While on, no byte passes either way, and connections stay open: what comes waits until it is off again. */
  freeze(on: boolean): void;
  /** Connections made so far. */
  connections(): number;
  close(): Promise<void>;
}

/** @param target `http://host:port` */
export async function startTcpProxy(target: string): Promise<TcpProxy> {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  let answerCut = { bytes: 0, times: 0 };
  let requestCut: number | undefined;
  let refusing = false;
  let frozen = false;
  let connections = 0;

  const server = createServer((client) => {
    connections += 1;
    if (refusing) {
      client.resetAndDestroy();
      return;
    }
    const upstream = connect(Number(port), hostname);
    const both = [client, upstream];
    const breakBoth = (): void => {
      for (const socket of both) socket.destroy();
    };
    for (const socket of both) {
      sockets.add(socket);
      // Pausing before a listener is there holds from the first byte on.
      if (frozen) socket.pause();
      socket.on('close', () => {
        sockets.delete(socket);
        breakBoth();
      });
      // A broken connection is what this is for; the other side sees it as a close.
      socket.on('error', breakBoth);
    }
    let answeredBytes = 0;
    let requestedBytes = 0;
    upstream.on('data', (chunk) => {
      const { bytes: limit, times } = answerCut;
      if (times === 0 || answeredBytes + chunk.length <= limit) {
        answeredBytes += chunk.length;
        client.write(chunk);
        return;
      }
      answerCut = { bytes: limit, times: times - 1 };
      client.write(chunk.subarray(0, Math.max(0, limit - answeredBytes)), breakBoth);
    });
    client.on('data', (chunk) => {
      const limit = requestCut;
      requestedBytes += chunk.length;
      if (limit !== undefined && requestedBytes > limit) {
        requestCut = undefined;
        breakBoth();
        return;
      }
      upstream.write(chunk);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const ownPort = typeof address === 'object' && address !== null ? address.port : 0;

  return {
    endpoint: `http://127.0.0.1:${ownPort}`,
    cutAnswerAfter: (bytes, times = 1) => {
      answerCut = { bytes, times };
    },
    cutRequestAfter: (bytes) => {
      requestCut = bytes;
    },
    refuse: (on) => {
      refusing = on;
      if (on) for (const socket of sockets) socket.destroy();
    },
    freeze: (on) => {
      frozen = on;
      for (const socket of sockets) {
        if (on) socket.pause();
        else socket.resume();
      }
    },
    connections: () => connections,
    close: () => new Promise((resolve) => {
      for (const socket of sockets) socket.destroy();
      server.close(() => {
        resolve();
      });
    }),
  };
}
