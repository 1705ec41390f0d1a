/** Waits for all of them, so that none goes on behind a failure. @throws of several failures the first in their order, whichever came first */
export async function together<T extends readonly Promise<unknown>[]>(...calls: T): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  const settled = await Promise.allSettled(calls);
  const failure = settled.find((one) => one.status === 'rejected');
  if (failure) throw failure.reason;
  return Promise.all(calls);
}

/** Asks about each of them, so many at a time, and gives the answers in order: whoever wants no more of them asks about few that come after. @throws as `together` */
export async function* inOrder<T, R>(all: readonly T[], atOnce: number, ask: (one: T) => Promise<R>): AsyncGenerator<R, void, undefined> {
  for (let at = 0; at < all.length; at += atOnce) yield* await together(...all.slice(at, at + atOnce).map(ask));
}
