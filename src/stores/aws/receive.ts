import type { Readable } from 'node:stream';
import type { ReadOptions } from '../object-store.ts';

/** What is wrong with a body that goes on behind its last byte. */
export const TOO_LONG = 'more bytes than were asked for';

/** Makes the error of a body that broke: of what went wrong (our words, or what the stream threw) and how much had arrived. */
export type BrokenBody = (problem: unknown, receivedBytes: number) => Error;

/**
 * Receives exactly `lengthBytes` bytes into the start of `into`. The stream is destroyed in every other case, so that no
 * connection is left with half a body on it.
 * @throws the signal's reason when it is aborted; else what `broken` makes
 */
export function receive(body: Readable, into: Uint8Array, lengthBytes: number, { signal, landed }: ReadOptions, broken: BrokenBody): Promise<void> {
  return new Promise((resolve, reject) => {
    let receivedBytes = 0;
    let settled = false;
    const settle = (act: () => void): void => {
      if (settled) return;
      settled = true;
      signal?.removeEventListener('abort', onAbort);
      act();
    };
    const fail = (error: Error): void => {
      settle(() => {
        body.destroy();
        reject(error);
      });
    };
    const onAbort = (): void => {
      fail(signal?.reason as Error);
    };
    body.on('data', (chunk: Uint8Array) => {
      if (settled) return;
      if (receivedBytes + chunk.byteLength > lengthBytes) {
        fail(broken(TOO_LONG, 0));
        return;
      }
      const start = into.byteOffset + receivedBytes;
      into.set(chunk, receivedBytes);
      receivedBytes += chunk.byteLength;
      landed?.(start, start + chunk.byteLength);
    });
    // Where every byte is there nothing is left to be asked for, however the stream ends: one in chunks may break before it says that it has ended.
    const end = (problem: unknown): void => {
      if (receivedBytes === lengthBytes) settle(resolve);
      else fail(broken(problem ?? `the body ended after ${receivedBytes} of ${lengthBytes} bytes`, receivedBytes));
    };
    body.on('end', end);
    body.on('error', end);
    body.on('close', end);
    if (signal?.aborted) onAbort();
    else signal?.addEventListener('abort', onAbort, { once: true });
  });
}
