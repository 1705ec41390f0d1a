/** What activities are given by the worker that runs them. */
import type { Client } from '@temporalio/client';
import type { Logger } from '@temporalio/common';
import type { Metrics } from '../contracts/metrics.ts';
import type { Slab } from '../pipeline/slab.ts';
import type { StoreRegistry } from '../stores/registry.ts';

export interface ActivityDeps {
  readonly stores: StoreRegistry;
  /** The byte budget that all calls of the worker share. */
  readonly slab: Slab;
  /** For questions about other runs: leases, plans to apply. */
  readonly temporal: Client;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Of this worker, as Temporal knows it. */
  readonly identity: string;
  readonly heartbeatTimeoutMs: number;
}
