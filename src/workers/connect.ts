/** The native connection to Temporal. A worker may start before its server: it says so and goes on trying until it is stopped. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '@temporalio/common';
import { NativeConnection } from '@temporalio/worker';
import { DEFAULT_TEMPORAL_ADDRESS, type TemporalSettings } from '../config/temporal.ts';
import { TributaryError } from '../contracts/errors.ts';

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 10_000;
const GRPC_NOT_FOUND = 5;

/** The sentence inside what the native side prints: `…message: "Connection refused" }…`. */
function sentenceOf(error: Error): string {
  return /(?:message|error): "([^"]+)"/.exec(error.message)?.[1] ?? error.message;
}

const isRefusal = (error: Error): boolean => /permission|unauthenticated|valid authentication credentials/i.test(error.message);

/**
 * Connects, however long it takes.
 * @throws TRB-ACCESS-DENIED where the server refuses us, TRB-INVALID-CONFIG where the namespace is not there; the signal's reason
 */
export async function connectTemporal({ address = DEFAULT_TEMPORAL_ADDRESS, namespace, connection }: TemporalSettings, log: Logger, signal: AbortSignal): Promise<NativeConnection> {
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => { reject(signal.reason as Error); }, { once: true });
  });
  for (let delayMs = FIRST_DELAY_MS; ; delayMs = Math.min(delayMs * 2, LONGEST_DELAY_MS)) {
    signal.throwIfAborted();
    let connected: NativeConnection | undefined;
    try {
      connected = await Promise.race([NativeConnection.connect({ ...connection, address }), aborted]);
      await connected.workflowService.describeNamespace({ namespace });
      return connected;
    } catch (error) {
      await connected?.close();
      signal.throwIfAborted();
      if (!(error instanceof Error)) throw error;
      if ('code' in error && error.code === GRPC_NOT_FOUND) {
        throw new TributaryError('TRB-INVALID-CONFIG', `Temporal at ${address} has no namespace "${namespace}"`, { namespace }, { cause: error });
      }
      if (isRefusal(error)) throw new TributaryError('TRB-ACCESS-DENIED', `Temporal at ${address} refuses us: ${sentenceOf(error)}`, { namespace }, { cause: error });
      if (error.name !== 'TransportError' && !('code' in error)) throw error;
      log.warn(`Temporal at ${address} cannot be reached; trying again in ${delayMs / 1000} s`, { reason: sentenceOf(error) });
    }
    await Promise.race([sleep(delayMs), aborted]);
  }
}
