/** Ctrl-C in local mode: nobody works on a run when its command has ended, so it is paused first. */
import { setTimeout as sleep } from 'node:timers/promises';
import { isTributaryError } from '../contracts/errors.ts';
import type { Run } from './runs.ts';

const PAUSE_TIMEOUT_MS = 15_000;
const LOOK_EACH_MS = 200;

/** `unknown`: it could not be paused in time; its last heartbeat is what it goes on from. */
export type Interrupted = 'paused' | 'ended' | 'unknown';

/** Pauses a run and waits until its calls have handed back where they were; at most 15 seconds: a cursor that is older costs only some work. */
export async function pauseAndWait(run: Run): Promise<Interrupted> {
  const deadlineMs = Date.now() + PAUSE_TIMEOUT_MS;
  try {
    await run.pause('interrupted');
    for (;;) {
      const { state } = await run.progress();
      if (state === 'paused' || state === 'ended') return state;
      if (Date.now() > deadlineMs) return 'unknown';
      await sleep(LOOK_EACH_MS);
    }
  } catch (error) {
    return isTributaryError(error) && error.code === 'TRB-RUN-ENDED' ? 'ended' : 'unknown';
  }
}

const MESSAGES: Readonly<Record<Interrupted, (id: string) => string>> = {
  paused: (id) => `paused. Go on from here with the same command, or with: tributary watch ${id}`,
  ended: (id) => `the run has just ended; see: tributary status ${id}`,
  unknown: (id) => `not paused in time: it goes on from what was kept last, with the same command, or with: tributary watch ${id}`,
};

/** What became of the run, and how to come back to it. */
export function interruptedMessage(id: string, now: Interrupted): string {
  return MESSAGES[now](id);
}
