import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Output } from '../../../src/client/output.ts';
import { ProgressDisplay } from '../../../src/client/progress-display.ts';
import { readEnvironment } from '../../../src/config/environment.ts';
import { aProgress, MemorySink } from './support.ts';

let nowMs: number;
beforeEach(() => {
  nowMs = 1_000_000;
  jest.spyOn(Date, 'now').mockImplementation(() => nowMs);
});
afterEach(() => { jest.restoreAllMocks(); });

async function display(isTTY: boolean): Promise<{ display: ProgressDisplay; stderr: MemorySink }> {
  const stderr = new MemorySink({ isTTY });
  const output = new Output({ format: 'text', color: 'never', verbosity: 0 }, { stdout: new MemorySink(), stderr }, readEnvironment({ HOME: '/' }).terminal);
  return { display: await ProgressDisplay.open(output, 30_000), stderr };
}

const withObjects = (doneObjects: number): ReturnType<typeof aProgress> => aProgress({ tally: { ...aProgress().tally, doneObjects } });

describe('ProgressDisplay where it cannot redraw', () => {
  it('says one line each 30 seconds, however often it looks', async () => {
    const { display: shown, stderr } = await display(false);
    for (let second = 1; second <= 65; second += 1) {
      nowMs = 1_000_000 + second * 1_000;
      shown.show(withObjects(second));
    }
    expect(stderr.text.trimEnd().split('\n').map((line) => line.replace(/,.*/, ''))).toEqual(['30s WRITE', '1m WRITE']);
  });

  it('says at once, and once, what the run waits for, however often that is tried', async () => {
    const { display: shown, stderr } = await display(false);
    for (const attempt of [1, 2, 3]) shown.show(aProgress({ waiting: `store default cannot be reached (mergeChunks, attempt ${attempt})` }));
    shown.trouble('no worker serves the queue tributary');
    shown.trouble('no worker serves the queue tributary');
    shown.trouble(null);
    expect(stderr.text).toBe('waiting: store default cannot be reached (mergeChunks, attempt 1)\nwaiting: no worker serves the queue tributary\n');
  });

  it('does not take back counts that have been shown', async () => {
    const { display: shown, stderr } = await display(false);
    shown.show(withObjects(12_000));
    nowMs += 31_000;
    shown.show(withObjects(11_000));
    expect(stderr.text).toContain('12,000/20,000 sources');
  });
});

describe('ProgressDisplay on a terminal', () => {
  it('draws the block, keeps it through trouble, and leaves nothing behind', async () => {
    const { display: shown, stderr } = await display(true);
    shown.show(aProgress());
    expect(stderr.text).toContain('Sources:  12,000 / 20,000, 60%');
    shown.trouble('no worker answered');
    expect(stderr.text).toContain('Waiting:  no worker answered');
    const before = stderr.text.length;
    shown.end();
    expect(stderr.text.slice(before)).toContain('\u001b[2K');
    expect(stderr.text.slice(before)).not.toContain('Sources');
  });
});
