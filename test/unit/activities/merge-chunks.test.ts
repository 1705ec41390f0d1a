import { describe, expect, it } from '@jest/globals';
import { CancelledFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import type { ActivityDeps } from '../../../src/activities/deps.ts';
import { createMergeChunks } from '../../../src/activities/merge-chunks.ts';
import type { RunArtefacts } from '../../../src/activities/run-artefacts.ts';
import type { RunShares } from '../../../src/activities/run-shares.ts';
import type { MergeChunksInput } from '../../../src/contracts/activities.ts';
import { orAborted } from '../../../src/core/or-aborted.ts';
import { cursorAfter } from '../../support/fake-activities.ts';

/** A worker whose share of the run's limits does not become known: the merge does not begin. */
const waiting = { during: (_run: string, _limits: unknown, signal: AbortSignal) => orAborted(new Promise<never>(() => undefined), signal) } as unknown as RunShares;
const mergeChunks = createMergeChunks({} as ActivityDeps, {} as unknown as RunArtefacts, waiting);
const input = { run: { id: 'run' }, cursor: cursorAfter(10), recovering: false } as MergeChunksInput;

describe('a call that is interrupted before it begins to merge', () => {
  it.each([
    ['what the attempt before had told', cursorAfter(42), cursorAfter(42)], ['what the workflow knows', undefined, cursorAfter(10)],
  ])('tells with its cancellation %s', async (_, heartbeatDetails, told) => {
    const environment = new MockActivityEnvironment({ attempt: 2, heartbeatDetails });
    const call = environment.run(mergeChunks, input);
    environment.cancel();
    const failure = await call.catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(CancelledFailure);
    expect(failure).toMatchObject({ details: [told] });
  });
});
