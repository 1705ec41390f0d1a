import type { Client } from '@temporalio/client';
import { describe, expect, it } from '@jest/globals';
import { runningBatches } from '../../../src/workers/running-batches.ts';

const [SCHEDULED, STARTED, CANCEL_REQUESTED, PAUSED, PAUSE_REQUESTED] = [1, 2, 3, 4, 5];

/** A workflow that says it can share, with calls in these states. */
function clientOf(states: readonly number[], canShare: boolean | undefined): Client {
  const batch = { describe: async () => ({ raw: { pendingActivities: states.map((state) => ({ state })) } }), query: async () => ({ canShare }) };
  return { withDeadline: async (_: number, question: () => unknown) => question(), workflow: { getHandle: () => batch } } as unknown as Client;
}

describe('a workflow with running calls', () => {
  it.each([
    ['all run', [STARTED, STARTED], true, true], ['one was asked before', [STARTED, CANCEL_REQUESTED], true, true], ['it says that none can', [STARTED], false, false],
    ['it is of a version that cannot', [STARTED], undefined, false],
    ['an operator has paused one', [STARTED, PAUSED], true, false], ['an operator is pausing one', [STARTED, PAUSE_REQUESTED], true, false],
    ['one waits for a worker, or for its next attempt: what it has heartbeated would be forgotten', [STARTED, SCHEDULED], true, false],
  ])('is asked to share or not where %s', async (_, states, says, expected) => {
    expect(await runningBatches(clientOf(states, says)).canShare('batch')).toBe(expected);
  });
});
