import { describe, expect, it } from '@jest/globals';
import type { MetricMeter } from '@temporalio/common';
import { createMetrics, sampleProcess } from '../../../src/workers/metrics.ts';

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
  it('adds to counters by label, and not for nothing', () => {
    const { meter, written } = fakeMeter();
    const metrics = createMetrics(meter);
    metrics.add('requests', 3, { store: 'default', class: 'get' });
    metrics.add('lines', 0);
    metrics.set('held', 8);
    expect(written).toEqual(['tributary_requests{"store":"default","class":"get"} 3', 'tributary_memory_held 8']);
  });

  it('samples the process at once', () => {
    const { meter, written } = fakeMeter();
    const stop = sampleProcess(createMetrics(meter), 256, () => 16);
    stop();
    expect(written).toEqual(['tributary_memory_budget 256', 'tributary_memory_held 16', expect.stringMatching(/^tributary_memory_resident \d+$/), expect.stringMatching(/^tributary_event_loop_delay [\d.e-]+$/)]);
  });
});
