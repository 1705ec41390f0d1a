import { setTimeout as sleep } from 'node:timers/promises';
import type { ManagedProcess } from './managed-process.ts';

const START_TIMEOUT_MS = 30_000;
const ASK_EACH_MS = 40;

/**
 * Resolves when the server answers. One that ends before that, or does not answer within 30 s, is stopped.
 * @throws what `toError` makes of the reason
 */
export async function waitUntilHealthy(server: ManagedProcess, isHealthy: () => Promise<boolean>, toError: (why: string) => Error): Promise<void> {
  let ended: string | undefined;
  void server.exited.then((how) => { ended = how; });
  const deadlineMs = Date.now() + START_TIMEOUT_MS;
  for (;;) {
    if (await isHealthy()) {
      // Another server may answer at this address while ours failed to bind it: give its end a moment to be seen.
      await sleep(0);
      if (ended === undefined) return;
    }
    if (ended !== undefined) throw toError(`it ended with ${ended}. ${server.lastOutput()}`.trim());
    if (Date.now() > deadlineMs) {
      await server.stop();
      throw toError(`no answer within ${START_TIMEOUT_MS / 1000} s. ${server.lastOutput()}`.trim());
    }
    await sleep(ASK_EACH_MS);
  }
}
