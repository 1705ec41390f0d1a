/** Time that passes only when nothing else can happen: waits of hours take no time, in the order they would end. */
import type { Clock } from '../../src/stores/clock.ts';

interface Sleeper { readonly dueMs: number; readonly wake: () => void }

export interface ManualClock extends Clock {
  /** Lets time pass until `work` has ended. @throws where it waits for something that is no sleep on this clock */
  run<T>(work: Promise<T>): Promise<T>;
  /** Lets time pass by `durationMs`. */
  advance(durationMs: number): Promise<void>;
  /** How long each sleep so far was meant to be. */
  readonly sleeps: readonly number[];
}

/** Turns of the event loop without a sleeper before a wait counts as stuck: real I/O of a test may need a few. */
const PATIENCE_TURNS = 2_000;

export function createManualClock(): ManualClock {
  let nowMs = 0;
  const sleepers = new Set<Sleeper>();
  const sleeps: number[] = [];
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const earliest = (): Sleeper | undefined => [...sleepers].sort((a, b) => a.dueMs - b.dueMs)[0];
  const wake = (sleeper: Sleeper): void => {
    sleepers.delete(sleeper);
    nowMs = Math.max(nowMs, sleeper.dueMs);
    sleeper.wake();
  };

  return {
    sleeps,
    nowMs: () => nowMs,
    sleep: (delayMs, signal) => new Promise((resolve, reject) => {
      sleeps.push(delayMs);
      const onAbort = (): void => {
        sleepers.delete(sleeper);
        reject(signal?.reason as Error);
      };
      const sleeper: Sleeper = {
        dueMs: nowMs + delayMs,
        wake: () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        },
      };
      if (signal?.aborted) {
        onAbort();
        return;
      }
      signal?.addEventListener('abort', onAbort, { once: true });
      sleepers.add(sleeper);
    }),
    run: async (work) => {
      let ended = false;
      const hasEnded = (): boolean => ended;
      const settled = work.finally(() => {
        ended = true;
      });
      // Its error is thrown below; without this it counts as unhandled while time passes.
      settled.catch(() => undefined);
      for (let idle = 0; !hasEnded(); idle += 1) {
        await turn();
        const next = earliest();
        if (hasEnded() || (next === undefined && idle < PATIENCE_TURNS)) continue;
        if (next === undefined) throw new Error('it waits for something that is no sleep');
        wake(next);
        idle = 0;
      }
      return settled;
    },
    advance: async (durationMs) => {
      const untilMs = nowMs + durationMs;
      await turn();
      for (let next = earliest(); next !== undefined && next.dueMs <= untilMs; next = earliest()) {
        wake(next);
        await turn();
      }
      nowMs = untilMs;
    },
  };
}
