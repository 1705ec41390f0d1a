/** Children that a reset left behind: it went back to a point before they started. */
import { CancellationScope, log } from '@temporalio/workflow';
import { callsWith } from './proxies.ts';
import { onReset } from './resets.ts';

export interface Orphans {
  /** Resolves when none of them writes any more; at once where there was no reset. */
  ended(): Promise<void>;
}

/** Ends them after each reset from now on. To be called before the first await of a run. */
export function endOrphansOfResets(): Orphans {
  let ended = Promise.resolve();
  onReset(() => {
    ended = ended.then(() => CancellationScope.nonCancellable(() => callsWith().walking.endOrphans()))
      // It tries for ever: only an operator can have it fail.
      .catch((error: unknown) => { log.warn('what a reset left behind may still be writing', { error }); });
  });
  return { ended: () => ended };
}
