import { describe, expect, it } from '@jest/globals';
import { interruptedMessage, pauseAndWait } from '../../../src/client/interrupted.ts';
import type { Run } from '../../../src/client/runs.ts';
import { TributaryError } from '../../../src/contracts/errors.ts';
import { aProgress } from './support.ts';

const aRun = (pause: () => Promise<void>, states: ('pausing' | 'paused' | 'ended')[] = []): Run =>
  ({ pause, progress: async () => aProgress({ state: states.shift() ?? 'paused' }) }) as unknown as Run;

describe('Ctrl-C in local mode', () => {
  it('says what became of the run: that it is paused only where it is', async () => {
    await expect(pauseAndWait(aRun(async () => undefined, ['pausing', 'paused']))).resolves.toBe('paused');
    await expect(pauseAndWait(aRun(async () => undefined, ['ended']))).resolves.toBe('ended');
    await expect(pauseAndWait(aRun(() => Promise.reject(new TributaryError('TRB-RUN-ENDED', 'x'))))).resolves.toBe('ended');
    await expect(pauseAndWait(aRun(() => Promise.reject(new TributaryError('TRB-TEMPORAL-UNREACHABLE', 'x'))))).resolves.toBe('unknown');
    expect(interruptedMessage('a', 'paused')).toBe('paused. Go on from here with the same command, or with: tributary watch a');
    expect(interruptedMessage('a', 'unknown')).toBe('not paused in time: it goes on from what was kept last, with the same command, or with: tributary watch a');
    expect(interruptedMessage('a', 'ended')).toBe('the run has just ended; see: tributary status a');
  });
});
