/**
 * Real processes with something between them: a Temporal server and an S3 server that can be killed and started again on their data and
 * their ports, a TCP proxy before the one and a fault proxy before the other, and workers that know only the proxies. Tests look at both
 * servers directly.
 */
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Client, Connection, isGrpcServiceError, ServiceError, type WorkflowHandle } from '@temporalio/client';
import { ensureTemporalBinary } from '../../src/client/services/ensure-program.ts';
import { startTemporal, type TemporalServer } from '../../src/client/services/temporal.ts';
import { readEnvironment } from '../../src/config/environment.ts';
import type { MergeInput } from '../../src/contracts/merge.ts';
import { QUEUES, WORKFLOWS } from '../../src/contracts/names.ts';
import type { Progress } from '../../src/contracts/progress.ts';
import type { Report } from '../../src/contracts/report.ts';
import { openBuckets, type Buckets } from './buckets.ts';
import { startFaultProxy, type FaultProxy } from './fault-proxy.ts';
import { Programs, type Program } from './programs.ts';
import { startTcpProxy, type TcpProxy } from './tcp-proxy.ts';
import { startTestServer, type TestServer } from './versitygw.ts';

export interface KillableTemporal {
  readonly address: string;
  /** Kills it at once; `start` brings it back on the same port, with its database. */
  kill(): Promise<void>;
  start(): Promise<void>;
}

export interface FaultRig {
  readonly temporal: KillableTemporal;
  readonly temporalProxy: TcpProxy;
  readonly s3: TestServer;
  readonly proxy: FaultProxy;
  readonly buckets: Buckets;
  readonly client: Client;
  /** Resolves when the worker serves its queues. Its heartbeat timeout is 5 s, the shortest there is, unless `env` says otherwise. */
  readonly startWorker: (env?: Readonly<Record<string, string>>) => Promise<Program>;
  /** What each worker has printed so far, in the order of their starts. */
  readonly workerLogs: () => readonly string[];
  /** Kills every worker at once. */
  readonly killWorkers: () => Promise<void>;
  readonly start: (id: string, input: MergeInput) => Promise<WorkflowHandle>;
  readonly stop: () => Promise<void>;
}

const WORKER = fileURLToPath(new URL('./worker-main.ts', import.meta.url));
const MEMORY = '/dev/shm';

/** @param seed of the proxy's schedule */
export async function startFaultRig(seed = 1): Promise<FaultRig> {
  const home = await mkdtemp(join(existsSync(MEMORY) ? MEMORY : tmpdir(), 'tributary-fault-'));
  const workers = new Set<Program>();
  const started: Program[] = [];
  const programs = new Programs();
  const closers: (() => unknown)[] = [() => rm(home, { recursive: true, force: true })];
  const killWorkers = async (): Promise<void> => {
    for (const worker of workers) worker.kill('SIGKILL');
    await Promise.all([...workers].map(({ ended }) => ended));
    workers.clear();
  };
  const stop = async (): Promise<void> => {
    await killWorkers();
    await programs.stopAll();
    for (const close of closers.reverse()) await close();
  };
  try {
    const temporal = await startKillableTemporal(home, closers);
    const temporalProxy = await startTcpProxy(`http://${temporal.address}`);
    closers.push(() => temporalProxy.close());
    const s3 = await startTestServer();
    closers.push(() => s3.stop());
    const proxy = await startFaultProxy(s3.endpoint, seed);
    closers.push(() => proxy.close());
    const buckets = openBuckets(s3.endpoint, s3.root);
    closers.push(() => { buckets.close(); });
    const connection = await Connection.connect({ address: temporal.address });
    closers.push(() => connection.close());
    const client = new Client({ connection });
    const env = {
      ...plainEnvironment(home), TEMPORAL_ADDRESS: new URL(temporalProxy.endpoint).host, AWS_ENDPOINT_URL_S3: proxy.endpoint, AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: s3.root.accessKeyId, AWS_SECRET_ACCESS_KEY: s3.root.secretAccessKey, TRIBUTARY_WORKER_HEARTBEAT_TIMEOUT: '5s',
    };
    return {
      temporal, temporalProxy, s3, proxy, buckets, client, killWorkers, stop,
      workerLogs: () => started.map(({ pid, stderr, stdout }) => `worker ${pid}\n${stderr()}${stdout()}`),
      startWorker: async (more = {}) => {
        const worker = programs.start(process.execPath, [WORKER], { env: { ...env, ...more } });
        workers.add(worker);
        started.push(worker);
        await worker.printed(/worker is ready/);
        return worker;
      },
      start: (id, input) => client.workflow.start(WORKFLOWS.mergeRun, { workflowId: id, taskQueue: QUEUES.control, args: [input] }),
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startKillableTemporal(home: string, closers: (() => unknown)[]): Promise<KillableTemporal> {
  const binary = await ensureTemporalBinary();
  const databaseFile = join(home, 'temporal.db');
  const logFile = join(home, 'temporal.log');
  let server: TemporalServer = await startTemporal({ binary, databaseFile, logFile });
  const { address, uiUrl } = server;
  closers.push(() => server.stop());
  return {
    address,
    kill: () => server.stop(0),
    start: async () => {
      server = await startTemporal({ binary, databaseFile, logFile, port: Number(address.split(':')[1]), uiPort: Number(new URL(uiUrl).port) });
      if (server.address !== address) throw new Error(`Temporal came back at ${server.address} instead of ${address}`);
    },
  };
}

/** Variables that say where this machine keeps things; none that says whom to talk to. */
function plainEnvironment(home: string): Record<string, string> {
  const { variables, paths } = readEnvironment();
  const kept = Object.entries(variables).filter(([name]) => !/^(?:AWS|TEMPORAL|TRIBUTARY|XDG)_|^NODE_OPTIONS$|^FORCE_COLOR$/.test(name));
  // The cache holds the workflow bundle, which follows from the sources.
  return { ...Object.fromEntries(kept), HOME: home, XDG_CACHE_HOME: dirname(paths.cache) };
}

export function progressOf(handle: WorkflowHandle): Promise<Progress> {
  return handle.query<Progress>('progress');
}

/** The report of a run, once it has ended; waits through outages of the server. @throws where the run failed */
export async function reportOf(handle: WorkflowHandle): Promise<Report> {
  for (;;) {
    try {
      return await handle.result() as Report;
    } catch (error) {
      if (!isGrpcServiceError(error instanceof ServiceError ? error.cause : error)) throw error;
      await sleep(500);
    }
  }
}
