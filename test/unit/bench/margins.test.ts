import { describe, expect, it } from '@jest/globals';
import type { ContenderName, Measured } from '../../../bench/contender.ts';
import { findSet } from '../../../bench/data-sets.ts';
import type { ControlPlane } from '../../../bench/control-plane.ts';
import { describeSet } from '../../../bench/print.ts';
import { figuresOf, marginsOf, type SetResult } from '../../../bench/results.ts';

const measured = (writeSeconds: number, cpuSeconds: number, seconds = writeSeconds): Measured => ({ seconds, writeSeconds, cpuSeconds, peakBytes: 300 * 2 ** 20, requests: 10 });

const result = (server: string, set: string, by: Partial<Record<ContenderName, Measured>>, controlPlane: ControlPlane | null = null): SetResult =>
  ({ server, controlPlane, set: findSet(set), measured: new Map(Object.entries(by).map(([name, one]) => [name as ContenderName, [one]])) });

const met = (...results: readonly SetResult[]) => Object.fromEntries(marginsOf(results).map(({ what, isMet }) => [what, isMet]));

describe('margins', () => {
  it('compare the phase that moves bytes, and all CPU', () => {
    expect(met(result('lean', 'large', { bare: measured(1, 1), tributary: measured(1.3, 1.3, 9), undici: measured(2, 2.7) }))).toEqual({
      'lean, large: rate of tributary to bare': true, 'lean, large: CPU of tributary to bare': true, 'lean, large: CPU of tributary to undici': true,
      'lean, large: peak memory in MiB': true,
    });
    expect(met(result('lean', 'large', { bare: measured(1, 1), tributary: measured(1.4, 1.4, 9), undici: measured(2, 2.7) }))).toEqual({
      'lean, large: rate of tributary to bare': false, 'lean, large: CPU of tributary to bare': false, 'lean, large: CPU of tributary to undici': false,
      'lean, large: peak memory in MiB': true,
    });
  });

  it('are stricter where the server is slow', () => {
    const by = { bare: measured(1, 1), tributary: measured(1.2, 1) };
    expect(met(result('lean', 'large', by))['lean, large: rate of tributary to bare']).toBe(true);
    expect(met(result('versitygw', 'large', by))['versitygw, large: rate of tributary to bare']).toBe(false);
  });

  it('compare a set with its half, by whole runs', () => {
    const half = result('lean', 'small/2', { tributary: measured(1, 1, 2) });
    const name = 'lean, small: time of the whole to time of its half';
    expect(met(half, result('lean', 'small', { tributary: measured(9, 1, 4.4) }))[name]).toBe(true);
    expect(met(half, result('lean', 'small', { tributary: measured(1, 1, 4.5) }))[name]).toBe(false);
  });
});

describe('what a run costs Temporal', () => {
  const histories = (longestEvents: number) => result('lean', 'directories', { tributary: measured(1, 1) }, { workflows: 5, calls: 10, events: 12_345, historyBytes: 50_000, longestEvents });

  it('is told a gigabyte, a call and 10,000 groups', () => {
    expect(describeSet(histories(123))).toContain(
      'a run of tributary: 5 workflows, 10 calls (500 per GB), 12,345 events, the longest history 123; 50 KB of history (5 KB a call, 100 KB per 10,000 groups)');
  });

  it('has a bound: no history of 10,000 events', () => {
    const name = 'lean, directories: events of the longest history';
    expect(met(histories(9999))[name]).toBe(true);
    expect(met(histories(10_001))[name]).toBe(false);
  });
});

describe('figures', () => {
  it('are of lines and objects, by the phase that moves them', () => {
    expect(figuresOf(findSet('small'), [measured(2, 4, 9)])).toMatchObject({
      megabytesPerSecond: 100, objectsPerSecond: 10_000, cpuSecondsPerGigabyte: 20, cpuSecondsPerThousandObjects: 0.2, peakMebibytes: 300, requests: 10,
    });
  });
});
