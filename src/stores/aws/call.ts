/** One call of the SDK: its abort, its errors, its body. */
import { setMaxListeners } from 'node:events';
import { Readable } from 'node:stream';
import { orAborted } from '../../core/or-aborted.ts';
import { classifyStoreError, type FailedCall } from '../classify.ts';
import { InterruptedRead, type Body, type CallOptions } from '../object-store.ts';

/**
 * Runs `work` and makes every error of it one of ours; an aborted one rejects with the reason of the signal, at once: the SDK
 * waits for credentials whatever its signal says.
 */
export function guarded<T>(call: FailedCall, options: CallOptions | undefined, work: (abort: { abortSignal?: AbortSignal }) => Promise<T>): Promise<T> {
  return translated(call, options, (abort) => orAborted(work(abort), abort.abortSignal));
}

/** The same, but an aborted one is waited for: it takes back what it began. */
export async function translated<T>(call: FailedCall, options: CallOptions | undefined, work: (abort: { abortSignal?: AbortSignal }) => Promise<T>): Promise<T> {
  const signal = options?.signal;
  signal?.throwIfAborted();
  // One signal serves every request of a run: many listeners are no leak here.
  if (signal) setMaxListeners(0, signal);
  try {
    return await work(signal ? { abortSignal: signal } : {});
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof InterruptedRead) throw new InterruptedRead(error.receivedBytes, classifyStoreError(error.cause, call));
    throw classifyStoreError(error, call);
  }
}

/** What the SDK sends for a body: the caller's own memory, never a copy of it. */
export function sendable(body: Body): Uint8Array | Readable {
  const [only, ...others] = body.views;
  if (only === undefined) return new Uint8Array(0);
  return others.length === 0 ? Buffer.from(only.buffer, only.byteOffset, only.byteLength) : Readable.from(body.views, { objectMode: false });
}
