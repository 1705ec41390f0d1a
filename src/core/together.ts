/** Waits for all of them, so that none goes on behind a failure. @throws of several failures the first in their order, whichever came first */
export async function together<T extends readonly Promise<unknown>[]>(...calls: T): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  const settled = await Promise.allSettled(calls);
  const failure = settled.find((one) => one.status === 'rejected');
  if (failure) throw failure.reason;
  return Promise.all(calls);
}
