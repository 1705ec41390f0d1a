/** Metrics over Temporal's meter, so that one /metrics holds core's series and ours. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { MetricCounter, MetricGauge, MetricMeter } from '@temporalio/common';
import { COUNTERS, GAUGES, type Metrics } from '../contracts/metrics.ts';

/** Counters appear with their first amount, gauges with their first value. */
export function createMetrics(meter: MetricMeter): Metrics {
  const counters = new Map<string, MetricCounter>();
  const gauges = new Map<string, MetricGauge>();
  for (const [key, [name, help]] of Object.entries(COUNTERS)) counters.set(key, meter.createCounter(name, undefined, help));
  for (const [key, [name, unit, help]] of Object.entries(GAUGES)) gauges.set(key, meter.createGauge(name, 'float', unit, help));
  return {
    add(counter, amount, labels) {
      if (amount > 0) counters.get(counter)?.add(amount, { ...labels });
    },
    set(gauge, value) {
      gauges.get(gauge)?.set(value);
    },
  };
}

const SAMPLE_INTERVAL_MS = 5000;

/**
 * Samples memory and event loop until it is stopped.
 * @param heldBytes how much of the memory budget is held now
 */
export function sampleProcess(metrics: Metrics, budgetBytes: number, heldBytes: () => number): () => void {
  const delay = monitorEventLoopDelay({ resolution: 20 });
  delay.enable();
  const sample = (): void => {
    metrics.set('budget', budgetBytes);
    metrics.set('held', heldBytes());
    metrics.set('resident', process.memoryUsage.rss());
    metrics.set('loopDelay', delay.max / 1e9);
    delay.reset();
  };
  sample();
  const timer = setInterval(sample, SAMPLE_INTERVAL_MS).unref();
  return () => {
    clearInterval(timer);
    delay.disable();
  };
}
