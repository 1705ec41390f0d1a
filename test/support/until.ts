import { setTimeout as sleep } from 'node:timers/promises';

const ASK_EACH_MS = 50;

/** Asks until the answer holds, and resolves to it. A test that waits for what never comes ends with its own timeout. */
export async function until<T>(ask: () => T | Promise<T>, holds: (answer: T) => boolean): Promise<T> {
  for (;;) {
    const answer = await ask();
    if (holds(answer)) return answer;
    await sleep(ASK_EACH_MS);
  }
}
