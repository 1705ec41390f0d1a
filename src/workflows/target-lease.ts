/** `targetLease`: one writer per target. Its id is the target's; it does nothing but exist as long as its run does. */
import { condition, setHandler } from '@temporalio/workflow';
import { releaseSignal } from './messages.ts';

export async function targetLease(): Promise<void> {
  let released = false;
  setHandler(releaseSignal, () => { released = true; });
  await condition(() => released);
}
