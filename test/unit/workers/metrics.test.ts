import { describe, expect, it } from '@jest/globals';
import type { MetricMeter } from '@temporalio/common';
import { createMetrics, exportMetrics } from '../../../src/workers/metrics.ts';

/** Records what is written to the meter: `name{labels} value`. */
const fakeMeter = (): { meter: MetricMeter; written: string[] } => {
  const written: string[] = [];
  const metric = (name: string): { add: (value: number, labels?: object) => void; set: (value: number) => void } => ({
    add: (value, labels) => { written.push(`${name}${JSON.stringify(labels)} ${value}`); },
    set: (value) => { written.push(`${name} ${value}`); },
  });
  return { meter: { createCounter: metric, createGauge: metric } as unknown as MetricMeter, written };
};

describe('metrics', () => {
  it('are summed up by counter and labels, and handed over once', () => {
    const { meter, written } = fakeMeter();
    const metrics = createMetrics(() => meter);
    metrics.add('requests', 1, { store: 'default', class: 'get' });
    metrics.add('requests', 2, { store: 'default', class: 'get' });
    metrics.add('requests', 1, { store: 'default', class: 'put' });
    metrics.add('served', 1, { store: 'default', client: 'socket' });
    metrics.add('served', 4, { store: 'default', client: 'sdk' });
    metrics.add('lines', 0);
    expect(written).toEqual([]);
    metrics.flush();
    metrics.flush();
    expect(written).toEqual([
      'tributary_requests{"store":"default","class":"get"} 3', 'tributary_requests{"store":"default","class":"put"} 1',
      'tributary_served{"store":"default","client":"socket"} 1', 'tributary_served{"store":"default","client":"sdk"} 4',
    ]);
  });

  it('sample the process at once, and lose nothing at the end', () => {
    const { meter, written } = fakeMeter();
    const metrics = createMetrics(() => meter);
    const stop = exportMetrics(metrics, 256, () => 16);
    metrics.add('lines', 7);
    stop();
    expect(written).toEqual([
      'tributary_memory_budget_bytes 256', 'tributary_memory_held_bytes 16', expect.stringMatching(/^tributary_memory_resident_bytes \d+$/),
      expect.stringMatching(/^tributary_event_loop_delay_seconds [\d.e-]+$/), 'tributary_lines{} 7',
    ]);
  });
});
