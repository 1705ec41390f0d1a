/** Something to wait for, or undefined where it is done: a source of some kilobytes has passed sooner than a promise is kept. */
export type Delay = Promise<void> | undefined;

/** What `promise` resolves to; or, as soon as the signal is aborted, its reason is thrown and the promise is left to itself. */
export async function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  let onAbort: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => { reject(signal.reason as Error); };
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    if (onAbort) signal.removeEventListener('abort', onAbort);
  }
}
