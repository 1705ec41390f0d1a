/** TLS before a server that speaks plain TCP: what comes in is passed on, byte by byte. */
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';

export interface TlsFront {
  readonly port: number;
  close(): Promise<void>;
}

/** @param target port of the server behind it, asked for at each connection */
export async function startTlsFront(certificate: { readonly key: string; readonly cert: string }, target: () => number): Promise<TlsFront> {
  const sockets = new Set<net.Socket>();
  const server = tls.createServer({ key: certificate.key, cert: certificate.cert }, (front) => {
    const back = net.connect(target(), '127.0.0.1');
    for (const [socket, other] of [[front, back], [back, front]] as const) {
      sockets.add(socket);
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
      // Either side may break; the other then does.
      socket.on('error', () => other.destroy());
      socket.pipe(other);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as net.AddressInfo).port,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      const closed = once(server, 'close');
      server.close();
      await closed;
    },
  };
}
