/**
 * Metrics over Temporal's meter, so that one /metrics holds core's series and ours. Amounts are summed up here and handed to the
 * native side once a second: a call across for each request would cost more than the request's own bookkeeping.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { MetricMeter } from '@temporalio/common';
import { COUNTERS, GAUGES, type Labels, type Metrics } from '../contracts/metrics.ts';

export interface FlushableMetrics extends Metrics {
  /** Hands over what was added since the last time. */
  flush(): void;
}

const NO_LABELS: Labels = {};

interface Sum { readonly labels: Labels; amount: number }

type ByKey<Table, T> = { readonly [key in keyof Table]: T };

function mapTable<Table extends object, T>(table: Table, make: (row: Table[keyof Table]) => T): ByKey<Table, T> {
  return Object.fromEntries(Object.entries(table).map(([key, row]) => [key, make(row as Table[keyof Table])])) as ByKey<Table, T>;
}

/**
 * Counters appear with their first amount, gauges with their first value.
 * @param meter asked at the first flush: Temporal's runtime, and its meter with it, is made anew after each connection that failed
 */
export function createMetrics(meter: () => MetricMeter): FlushableMetrics {
  const open = (to: MetricMeter) => ({
    counters: mapTable(COUNTERS, ([name, help]) => to.createCounter(name, undefined, help)),
    gauges: mapTable(GAUGES, ([name, help]) => to.createGauge(name, 'float', undefined, help)),
  });
  let instruments: ReturnType<typeof open> | undefined;
  // By store, and by the other label; no counter has a third. No key is put together for each request.
  const pending = mapTable(COUNTERS, () => new Map<string, Map<string, Sum>>());
  return {
    add(counter, amount, labels = NO_LABELS) {
      if (amount === 0) return;
      const { store = '', class: requestClass, client, outcome } = labels;
      const other = requestClass ?? client ?? outcome ?? '';
      const sum = pending[counter].get(store)?.get(other);
      if (sum) sum.amount += amount;
      else pending[counter].set(store, new Map(pending[counter].get(store)).set(other, { labels, amount }));
    },
    set(gauge, value) {
      instruments ??= open(meter());
      instruments.gauges[gauge].set(value);
    },
    flush() {
      instruments ??= open(meter());
      for (const [counter, byStore] of Object.entries(pending)) {
        for (const sum of [...byStore.values()].flatMap((ofStore) => [...ofStore.values()])) {
          if (sum.amount > 0) instruments.counters[counter as keyof typeof COUNTERS].add(sum.amount, { ...sum.labels });
          sum.amount = 0;
        }
      }
    },
  };
}

const FLUSH_INTERVAL_MS = 1000;
/** Samples for which the longest delay of the event loop is kept: to forget it clears a large histogram, which was a tenth of what an idle worker uses. */
const DELAY_SAMPLES = 10;

/**
 * Samples memory and event loop, and flushes, until it is stopped.
 * @param heldBytes how much of the memory budget is held now
 * @returns stops; what was added until then is still handed over
 */
export function exportMetrics(metrics: FlushableMetrics, budgetBytes: number, heldBytes: () => number): () => void {
  const delay = monitorEventLoopDelay({ resolution: 20 });
  delay.enable();
  let samples = 0;
  const sample = (): void => {
    metrics.set('budget', budgetBytes);
    metrics.set('held', heldBytes());
    metrics.set('resident', process.memoryUsage.rss());
    metrics.set('loopDelay', delay.max / 1e9);
    samples += 1;
    if (samples % DELAY_SAMPLES === 0) delay.reset();
    metrics.flush();
  };
  sample();
  const timer = setInterval(sample, FLUSH_INTERVAL_MS).unref();
  return () => {
    clearInterval(timer);
    delay.disable();
    metrics.flush();
  };
}
