import { setTimeout as sleep } from 'node:timers/promises';

const ASK_EACH_MS = 50;
const PATIENCE_MS = 60_000;

/**
 * Asks until the answer holds, and resolves to it.
 * @throws with the last answer where a minute was not enough: what is waited for here never comes
 */
export async function until<T>(ask: () => T | Promise<T>, holds: (answer: T) => boolean, patienceMs = PATIENCE_MS): Promise<T> {
  const deadlineMs = Date.now() + patienceMs;
  for (;;) {
    const answer = await ask();
    if (holds(answer)) return answer;
    if (Date.now() > deadlineMs) throw new Error(`it did not come to it within ${patienceMs / 1000} s; the last answer was ${JSON.stringify(answer)}`);
    await sleep(ASK_EACH_MS);
  }
}
