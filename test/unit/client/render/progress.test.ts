import { describe, expect, it } from '@jest/globals';
import { PLAIN } from '../../../../src/client/output.ts';
import { renderProgress, renderProgressLine, type ProgressView } from '../../../../src/client/render/progress.ts';
import { RateMeter } from '../../../../src/client/render/rates.ts';
import { emptyTally } from '../../../../src/contracts/tally.ts';
import { aProgress } from '../support.ts';

const view = (changes: Parameters<typeof aProgress>[0] = {}): ProgressView => ({
  progress: aProgress(changes), rates: { bytesPerSecond: 10_485_000, linesPerSecond: 64_000 }, nowMs: 1_010_000,
});
const block = (changes: Parameters<typeof aProgress>[0] = {}): string => renderProgress(view(changes), PLAIN).join('\n');

describe('renderProgress', () => {
  it('shows how far a run is, how fast, and how long it still takes', () => {
    expect(block()).toBe(`
merge s3://logs/ → s3://merged/  merge-logs-20261121-083012-4f2a
Phase:    WRITE, 10s so far
Sources:  12,000 / 20,000, 60%
Bytes:    100 MiB / 200 MiB, 50%, 10 MiB/s, 10s left
Lines:    640,000, 64,000/s
Chunks:   40, 97.3 MiB
Batches:  4 / 12, 8 running`.trimStart());
  });

  it('shows no shares while the plan still grows', () => {
    expect(block({ phase: 'PLAN', tally: emptyTally() })).toBe(`
merge s3://logs/ → s3://merged/  merge-logs-20261121-083012-4f2a
Phase:   PLAN, 10s so far
Listed:  20,010 objects, 200 MiB so far`.trimStart());
  });

  it('names what failed, the limits, and what it waits for', () => {
    const text = block({
      tally: { ...aProgress().tally, failedObjects: 2, partialObjects: 1 }, waiting: 'store default cannot be reached (mergeChunks, attempt 3)',
      limits: { ...aProgress().limits, bytesPerSecond: 200 * 2 ** 20, requestsPerSecond: 50 },
    });
    expect(text).toContain('Sources:  12,003 / 20,000, 60%, 2 failed, 1 partial\n');
    expect(text).toContain('Limits:   200 MiB/s, 50 requests/s\n');
    expect(text).toMatch(/Waiting: {2}store default cannot be reached \(mergeChunks, attempt 3\)$/);
  });

  it('promises no end to a run that is paused', () => {
    const text = block({ state: 'paused' });
    expect(text).toContain('Phase:    WRITE, paused, 10s so far');
    expect(text).not.toMatch(/left|MiB\/s/);
  });

  it('counts what is being read, and never more than there is', () => {
    expect(block({ underwayBytes: 52_425_000 })).toContain('Bytes:    150 MiB / 200 MiB, 75%');
    expect(block({ underwayBytes: 10 ** 12 })).toContain('Bytes:    200 MiB / 200 MiB, 100%');
  });

  it('does not say 100% before the last source is done', () => {
    expect(block({ tally: { ...aProgress().tally, doneObjects: 19_999 } })).toContain('19,999 / 20,000, 99%');
  });
});

describe('renderProgressLine', () => {
  it('says the same in one line', () => {
    expect(renderProgressLine(view())).toBe('10s WRITE, 12,000/20,000 sources 60%, 100 MiB/200 MiB, 10 MiB/s, 10s left, 640,000 lines, 40 chunks');
    expect(renderProgressLine(view({ phase: 'PLAN', state: 'pausing' }))).toBe('10s PLAN pausing, 20,010 objects listed');
    expect(renderProgressLine(view({ phase: 'START', planned: { objects: 0, bytes: 0, groups: 0, sources: 0, sourceBytes: 0 }, waiting: 'no worker' }))).toBe('10s START, waiting: no worker');
  });
});

describe('RateMeter', () => {
  it('knows nothing from one sample, and the slope from two', () => {
    const meter = new RateMeter();
    meter.add({ atMs: 0, bytes: 100, lines: 1 });
    expect(meter.rates).toBeNull();
    meter.add({ atMs: 2_000, bytes: 1_100, lines: 5 });
    expect(meter.rates).toEqual({ bytesPerSecond: 500, linesPerSecond: 2 });
  });

  it('forgets what is older than its window', () => {
    const meter = new RateMeter();
    for (let second = 0; second <= 60; second += 1) meter.add({ atMs: second * 1_000, bytes: second < 30 ? 0 : (second - 30) * 1_000, lines: 0 });
    expect(meter.rates?.bytesPerSecond).toBe(1_000);
  });

  it('is never negative', () => {
    const meter = new RateMeter();
    meter.add({ atMs: 0, bytes: 100, lines: 10 });
    meter.add({ atMs: 1_000, bytes: 50, lines: 5 });
    expect(meter.rates).toEqual({ bytesPerSecond: 0, linesPerSecond: 0 });
  });
});
