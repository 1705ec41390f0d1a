/**
 * The figures that a worker exports beside Temporal's own. Names are public: dashboards and alerts hold them. The exporter adds
 * `_total` to counters. Labels never hold run ids, buckets or keys: their number is bounded.
 */

export const COUNTERS = {
  readBytes: ['tributary_read_bytes', 'Source bytes received.'],
  writtenBytes: ['tributary_written_bytes', 'Bytes of published chunks.'],
  objects: ['tributary_objects', 'Sources that ended, by outcome: done, partial, failed.'],
  lines: ['tributary_lines', 'Lines in published chunks.'],
  chunks: ['tributary_chunks', 'Chunks published.'],
  requests: ['tributary_requests', 'Requests sent to a store, by class: list, get, head, put, copy, delete.'],
  retries: ['tributary_retries', 'Requests sent to a store again.'],
  served: ['tributary_served', 'Calls to a store, by the client that gave the answer: socket, sdk.'],
  throttles: ['tributary_throttles', 'Answers in which a store asked for fewer requests.'],
} as const satisfies Record<string, readonly [name: string, help: string]>;

export const GAUGES = {
  budget: ['tributary_memory_budget_bytes', 'The memory budget of the worker.'],
  held: ['tributary_memory_held_bytes', 'Bytes of the memory budget that calls hold now.'],
  resident: ['tributary_memory_resident_bytes', 'Resident memory of the process.'],
  backlog: ['tributary_backlog_calls', 'Calls that wait for a worker, over the whole fleet: every worker says the same. Asked every five seconds.'],
  loopDelay: ['tributary_event_loop_delay_seconds', 'Longest delay of the event loop in the last seconds, ten at most.'],
} as const satisfies Record<string, readonly [name: string, help: string]>;

export interface Labels {
  readonly store?: string;
  readonly class?: string;
  readonly client?: 'sdk' | 'socket';
  readonly outcome?: 'done' | 'partial' | 'failed';
}

/** Where activities leave their figures. Never throws, never waits. */
export interface Metrics {
  /** Adds to a counter; zero is free. */
  add(counter: keyof typeof COUNTERS, amount: number, labels?: Labels): void;
  set(gauge: keyof typeof GAUGES, value: number): void;
}
