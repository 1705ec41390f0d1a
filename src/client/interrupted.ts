/** Ctrl-C in local mode: nobody works on a run when its command has ended, so it is paused first. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Run } from './runs.ts';

const PAUSE_TIMEOUT_MS = 15_000;
const LOOK_EACH_MS = 200;

/** Pauses a run and waits until its calls have handed back where they were; at most 15 seconds: a cursor that is older costs only some work. */
export async function pauseAndWait(run: Run): Promise<void> {
  const deadlineMs = Date.now() + PAUSE_TIMEOUT_MS;
  try {
    await run.pause('interrupted');
    for (;;) {
      const { state } = await run.progress();
      if (state === 'paused' || state === 'ended' || Date.now() > deadlineMs) return;
      await sleep(LOOK_EACH_MS);
    }
  } catch {
    // It has ended, or nobody answers: there is nothing to pause, or its last heartbeat is what it goes on from.
  }
}

export function cursorKeptMessage(id: string): string {
  return `paused. Go on from here with the same command, or with: tributary watch ${id}`;
}
