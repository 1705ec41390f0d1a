/**
 * Permits for what may be under way at the same time, given first come, first served. How many there are may change at any time: where
 * they become fewer, what is under way goes on.
 *
 * Invariants: a permit is given back exactly once, whatever its holder ends with; a waiter that is aborted takes none.
 */
export class Permits {
  readonly #waiting: (() => void)[] = [];
  #held = 0;
  #count = Infinity;

  set count(count: number) {
    this.#count = count;
    this.#admit();
  }

  /** Runs `body` with a permit. @throws what it throws; the signal's reason where that comes before the permit */
  async hold<T>(body: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted();
    if (this.#held < this.#count && this.#waiting.length === 0) this.#held += 1;
    else await this.#wait(signal);
    try {
      return await body();
    } finally {
      this.#held -= 1;
      this.#admit();
    }
  }

  #wait(signal?: AbortSignal): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      const onAbort = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(admit), 1);
        reject(signal?.reason as Error);
      };
      const admit = (): void => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#waiting.push(admit);
    });
  }

  #admit(): void {
    while (this.#held < this.#count && this.#waiting.length > 0) {
      this.#held += 1;
      this.#waiting.shift()?.();
    }
  }
}
