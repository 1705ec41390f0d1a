/** The clients that `move` is given: bare sockets, and undici in its leanest way. Both sign with the product's signer, which is lean already. */
import { Pool, type Dispatcher } from 'undici';
import { createSigner, encodeQuery, type UnsignedRequest } from '../src/stores/socket/sigv4.ts';
import { BareClient } from './bare-client.ts';
import type { MovingClient } from './mover.ts';

export interface Place {
  readonly port: number;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sourceBucket: string;
  readonly targetBucket: string;
}

type Range = Parameters<MovingClient['get']>[0];
type Sending = Parameters<MovingClient['send']>[0];

const WHOLE_READ = {};
const RANGED_READ = {};

/** What is asked for, without saying how it is sent. */
function requestsOf({ port, sourceBucket, targetBucket }: Place) {
  const host = `127.0.0.1:${port}`;
  return {
    read: ({ key, etag, offset, isWhole }: Range, lengthBytes: number): UnsignedRequest => ({
      method: 'GET', host, path: `/${sourceBucket}/${key}`, query: [], shape: isWhole ? WHOLE_READ : RANGED_READ,
      headers: [['if-match', etag], ...(isWhole ? [['x-amz-checksum-mode', 'ENABLED'] as const] : [['range', `bytes=${offset}-${offset + lengthBytes - 1}`] as const])],
    }),
    write: ({ method, key, query, headers, body }: Sending): UnsignedRequest => ({
      method, host, path: `/${targetBucket}/${key}`, query, headers, bodyBytes: body.length,
    }),
  };
}

export function createBareClient(place: Place): MovingClient {
  const client = new BareClient(place.port);
  const sign = createSigner(place.region);
  const { read, write } = requestsOf(place);
  const signed = (request: UnsignedRequest): string => sign(request, place, Date.now());
  return {
    get: async (range, into) => {
      await client.request(signed(read(range, into.length)), null, into);
    },
    send: async (sending) => {
      const { head, body } = await client.request(signed(write(sending)), sending.body, null);
      return { etag: /\r\netag: ([^\r]+)/i.exec(head)?.[1] ?? '', text: body.toString() };
    },
    close: () => { client.close(); },
  };
}

export function createUndiciClient(place: Place): MovingClient {
  const pool = new Pool(`http://127.0.0.1:${place.port}`, { connections: 64, pipelining: 1 });
  const sign = createSigner(place.region);
  const { read, write } = requestsOf(place);
  const dispatch = (request: UnsignedRequest, method: Dispatcher.HttpMethod, body: Buffer | null, onData: (chunk: Buffer) => void): Promise<Record<string, unknown>> =>
    new Promise((resolve, reject) => {
      const head = sign(request, place, Date.now());
      const headers: string[] = [];
      for (const line of head.slice(head.indexOf('\r\n') + 2, -4).split('\r\n')) {
        const colon = line.indexOf(':');
        headers.push(line.slice(0, colon), line.slice(colon + 2));
      }
      const query = encodeQuery(request.query);
      let answered: Record<string, unknown> = {};
      pool.dispatch({ path: query === '' ? request.path : `${request.path}?${query}`, method, headers, body }, {
        onRequestStart: () => undefined,
        onResponseStart: (_, status, answer) => {
          answered = answer;
          if (status >= 300) reject(new Error(`HTTP ${status} for ${method} ${request.path}`));
        },
        onResponseData: (_, chunk) => { onData(chunk); },
        onResponseEnd: () => { resolve(answered); },
        onResponseError: (_, error) => { reject(error); },
      });
    });
  return {
    get: async (range, into) => {
      let at = 0;
      await dispatch(read(range, into.length), 'GET', null, (chunk) => { at += chunk.copy(into, at); });
      if (at !== into.length) throw new Error(`${at} bytes of ${range.key} where ${into.length} were asked for`);
    },
    send: async (sending) => {
      const pieces: Buffer[] = [];
      const headers = await dispatch(write(sending), sending.method, sending.body, (chunk) => { pieces.push(chunk); });
      const { etag } = headers;
      return { etag: typeof etag === 'string' ? etag : '', text: Buffer.concat(pieces).toString() };
    },
    close: () => { void pool.destroy(); },
  };
}
