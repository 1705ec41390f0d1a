/**
 * A running worker: configuration → dependencies → Temporal's workers, one for each queue it serves.
 *
 * Invariants:
 * - When one of Temporal's workers fails, the other is stopped too: half a worker would look alive.
 * - The connection, the stores and the health server are closed after the last call has ended.
 * - It handles no signals and never ends the process: that is for process.ts.
 */
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { Client } from '@temporalio/client';
import type { Logger } from '@temporalio/common';
import { Runtime, type NativeConnection, type Worker } from '@temporalio/worker';
import { createActivities } from '../activities/index.ts';
import type { ResolvedConfig } from '../config/load.ts';
import { DEFAULT_TEMPORAL_ADDRESS, temporalSettings, type TemporalSettings } from '../config/temporal.ts';
import { DEFAULT_PART_BYTES } from '../contracts/merge.ts';
import { slotsPerCall } from '../pipeline/call-slots.ts';
import { Slab, SLOT_BYTES } from '../pipeline/slab.ts';
import { systemClock } from '../stores/clock.ts';
import { createRegistry } from '../stores/create-registry.ts';
import type { StoreRegistry } from '../stores/registry.ts';
import { reportBacklog } from './backlog.ts';
import { findWorkflowBundle } from './bundle.ts';
import { connectTemporal } from './connect.ts';
import { serveHealth } from './health.ts';
import { boundHeap } from './heap.ts';
import { shareWhileIdle } from './idle.ts';
import { createMetrics, exportMetrics, type FlushableMetrics } from './metrics.ts';
import { CHECK_TIMEOUT_MS, createReadiness, reasonsOf } from './readiness.ts';
import { installRuntime } from './runtime.ts';
import { runningBatches } from './running-batches.ts';
import { dataSlots, freeSlots, slabBytes } from './slots.ts';
import { createControlWorker, createDataWorker } from './temporal-workers.ts';

export interface StartOptions {
  readonly config: ResolvedConfig;
  readonly log: Logger;
  /** The server to work for. Default: the one that the configuration names. */
  readonly temporal?: TemporalSettings;
  /** Ends the start, which waits for Temporal as long as it takes. A worker that runs is ended by `stop`. */
  readonly signal?: AbortSignal;
}

export interface RunningWorker {
  /** Resolves when all work has stopped and everything is closed; rejects where a part of the worker failed. */
  readonly stopped: Promise<void>;
  /** Running calls checkpoint and hand over. Resolves and rejects as `stopped`; can be said again. */
  stop(): Promise<void>;
}

/** What a call counts for. With parts of the default size it reserves less, and reads ahead in the rest: with more calls in one worker, the next one to start would find fewer left. */
const CALL_BYTES = slotsPerCall(2 * DEFAULT_PART_BYTES) * SLOT_BYTES;

/** What a worker is made of so far, for `/readyz` and `/status` at any time of its life. */
interface Assembly {
  readonly temporal: TemporalSettings;
  readonly stores: StoreRegistry;
  readonly slab: Slab;
  connection: NativeConnection | undefined;
  workers: readonly Worker[];
}

function healthOf(assembly: Assembly, budgetBytes: number) {
  const { temporal: { address = DEFAULT_TEMPORAL_ADDRESS, namespace }, stores, slab } = assembly;
  const reach = createReadiness({
    temporal: async (timeoutMs) => {
      const { connection } = assembly;
      if (!connection) throw new Error(`not connected to ${address} yet`);
      await connection.withDeadline(Date.now() + timeoutMs, () => connection.workflowService.getSystemInfo({}));
    },
    stores: (timeoutMs) => askStores(stores, timeoutMs),
  });
  const resting = (): string[] => (assembly.workers.length === 0 ? ['the worker is starting'] : assembly.workers
    .filter((worker) => worker.getState() !== 'RUNNING').map((worker) => `queue ${worker.options.taskQueue} is not served: ${worker.getState()}`));
  return {
    reasons: async () => [...resting(), ...reasonsOf(await reach())],
    status: async () => ({
      queues: Object.fromEntries(assembly.workers.map((worker) => [worker.options.taskQueue, worker.getStatus()])),
      memory: { budgetBytes, heldBytes: slab.heldBytes, residentBytes: process.memoryUsage.rss() },
      temporal: { address, namespace },
      reachable: await reach(),
    }),
  };
}

/** What each store answers: `ok`, or what is wrong. */
async function askStores(stores: StoreRegistry, timeoutMs: number): Promise<Readonly<Record<string, string>>> {
  return Object.fromEntries(Object.entries(await stores.ping(timeoutMs)).map(([name, error]) => [name, error?.message ?? 'ok']));
}

/** The first use of each store's clients, which no run has to wait for then. One that is away is said, and waited for by the runs that need it. */
async function greetStores(stores: StoreRegistry, log: Logger): Promise<void> {
  for (const reason of reasonsOf({ temporal: 'ok', stores: await askStores(stores, CHECK_TIMEOUT_MS) })) log.warn(reason);
}

function countedRegistry(config: ResolvedConfig, metrics: FlushableMetrics): StoreRegistry {
  const counters = { request: 'requests', retry: 'retries', throttle: 'throttles' } as const;
  return createRegistry(config.stores(), {
    proxy: config.environment.proxy,
    onServed: (store, client) => { metrics.add('served', 1, { store, client }); },
    observe: (kind, store, requestClass) => { metrics.add(counters[kind], 1, kind === 'request' ? { store, class: requestClass } : { store }); },
  });
}

/** Runs the workers until all have stopped; the first failure stops the others and is thrown. */
async function runAll(workers: readonly Worker[]): Promise<void> {
  const runs = workers.map(async (worker) => {
    try {
      await worker.run();
    } finally {
      for (const other of workers) if (other.getState() === 'RUNNING') other.shutdown();
    }
  });
  const results = await Promise.allSettled(runs);
  const failure = results.find((result) => result.status === 'rejected');
  if (failure) throw failure.reason;
}

/**
 * Starts a worker; resolves when it serves its queues.
 * @throws TRB-INVALID-CONFIG (budget, ports, namespace, secrets), TRB-ACCESS-DENIED; the signal's reason
 */
export async function startWorker(options: StartOptions): Promise<RunningWorker> {
  const { config, log, signal = new AbortController().signal, temporal = temporalSettings(config) } = options;
  const { values: { worker, memory, health } } = config;
  const slots = dataSlots(config.values, CALL_BYTES);
  boundHeap();
  installRuntime(log, config.values);
  const metrics = createMetrics(() => Runtime.instance().metricMeter);
  const assembly: Assembly = { temporal, stores: countedRegistry(config, metrics), slab: new Slab(slabBytes(config.values)), connection: undefined, workers: [] };
  const { stores, slab } = assembly;

  const closers: (() => void | Promise<void>)[] = [() => { stores.close(); }];
  const closeAll = async (): Promise<void> => {
    for (const close of closers.reverse()) await close();
  };
  try {
    if (health.port !== undefined) {
      const server = await serveHealth(healthOf(assembly, memory.budget), health.host, health.port);
      closers.push(() => server.close());
    }
    const connection = assembly.connection = await connectTemporal(temporal, log, signal);
    closers.push(() => connection.close());
    const client = new Client({ connection, namespace: temporal.namespace });
    // Host and process alone are not enough: containers share both.
    const identity = `${process.pid}@${hostname()}-${randomBytes(2).toString('hex')}`;
    const shells = createActivities({ stores, slab, temporal: client, log, metrics, identity, heartbeatTimeoutMs: worker.heartbeatTimeout });
    const shared = { config, connection, namespace: temporal.namespace, identity };
    // Not waited for: it is over long before the workflow code is loaded.
    void greetStores(stores, log);
    const workers: Worker[] = [];
    if (worker.queues.includes('control')) {
      workers.push(await createControlWorker(shared, shells.control, await findWorkflowBundle(config.environment.paths.cache, log)));
    }
    if (worker.queues.includes('data')) {
      const data = await createDataWorker(shared, shells.data, slots);
      workers.push(data);
      const free = (): number => (data.getState() === 'RUNNING' ? freeSlots(slots, data.getStatus().numInFlightActivities, CALL_BYTES, slab) : 0);
      closers.push(shareWhileIdle({ batches: runningBatches(client), freeSlots: free, clock: systemClock, log }));
    }
    signal.throwIfAborted();
    assembly.workers = workers;
  } catch (error) {
    await closeAll();
    throw error;
  }

  closers.push(exportMetrics(metrics, memory.budget, () => slab.heldBytes));
  if (config.values.metrics.port !== undefined) closers.push(reportBacklog(assembly.connection, temporal.namespace, metrics, log));
  const stopped = runAll(assembly.workers).finally(closeAll);
  log.info('worker is ready', { queues: worker.queues.join(','), address: temporal.address, dataSlots: slots, residentMiB: Math.round(process.memoryUsage.rss() / 2 ** 20) });
  return {
    stopped,
    stop: () => {
      for (const one of assembly.workers) if (one.getState() === 'RUNNING') one.shutdown();
      return stopped;
    },
  };
}
