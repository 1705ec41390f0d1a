/** One way to reach Temporal for everything that is not a worker. */
import { connect as openSocket } from 'node:net';
import { Client, Connection } from '@temporalio/client';
import type { Environment } from '../config/environment.ts';
import { DEFAULT_TEMPORAL_ADDRESS, type TemporalSettings } from '../config/temporal.ts';
import { TributaryError } from '../contracts/errors.ts';
import { toTributaryError } from './failure.ts';

export interface Connected {
  readonly client: Client;
  readonly address: string;
  readonly namespace: string;
  /** To be called where the server stopped answering: then `close` leaves the connection to the end of the process. */
  readonly lost: () => void;
  close(): Promise<void>;
}

const CONNECT_TIMEOUT_MS = 6_000;

/**
 * Connects within six seconds.
 * @throws TRB-TEMPORAL-UNREACHABLE, TRB-ACCESS-DENIED
 */
export async function connectClient(settings: TemporalSettings, environment: Environment): Promise<Connected> {
  const { address = DEFAULT_TEMPORAL_ADDRESS, namespace, connection: options } = settings;
  const refusal = await refusedBy(address, environment);
  if (refusal !== undefined) throw unreachable(address, refusal);
  try {
    const connection = await Connection.connect({ ...options, address, connectTimeout: CONNECT_TIMEOUT_MS });
    let isLost = false;
    return {
      client: new Client({ connection, namespace }), address, namespace,
      lost: () => { isLost = true; },
      // The SDK's retries go on behind a call that was given up, and throw where nobody can catch it when their connection is closed.
      close: async () => { if (!isLost) await connection.close(); },
    };
  } catch (error) {
    if (error instanceof Error && /Failed to connect before the deadline/i.test(error.message)) throw unreachable(address, `no answer within ${CONNECT_TIMEOUT_MS / 1000} s`, error);
    throw toTributaryError(error, { address });
  }
}

function unreachable(address: string, why: string, cause?: unknown): TributaryError {
  return new TributaryError('TRB-TEMPORAL-UNREACHABLE', `Temporal at ${address} cannot be reached: ${why}`, {}, { cause });
}

const REFUSALS: Readonly<Record<string, string>> = { ECONNREFUSED: 'connection refused', ENOTFOUND: 'there is no such host', EHOSTUNREACH: 'no route to the host' };

/** gRPC goes on trying where a connection is refused; here that is said at once. Undefined where nothing can be said. */
async function refusedBy(address: string, { proxy }: Environment): Promise<string | undefined> {
  const match = /^\[?([\w.:-]+?)\]?:(\d+)$/.exec(address);
  if (!match || proxy.http !== undefined || proxy.https !== undefined) return undefined;
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const socket = openSocket({ host: match[1] ?? '', port: Number(match[2]), timeout: 2_000 });
  socket.once('connect', () => { resolve(undefined); });
  socket.once('timeout', () => { resolve(undefined); });
  socket.once('error', (error: NodeJS.ErrnoException | AggregateError) => {
    resolve(REFUSALS[('code' in error ? error.code : undefined) ?? '']);
  });
  return promise.finally(() => { socket.destroy(); });
}
