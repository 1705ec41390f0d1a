/**
 * The worker's process, as whoever deploys it sees it: it waits for Temporal, says when it can work and why not, exports its
 * figures, refuses what cannot work, and ends when it is told to.
 */
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Client, Connection } from '@temporalio/client';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureTemporalBinary } from '../../src/client/services/ensure-program.ts';
import { choosePort } from '../../src/client/services/ports.ts';
import { startTemporal, type TemporalServer } from '../../src/client/services/temporal.ts';
import { readEnvironment } from '../../src/config/environment.ts';
import { EXIT } from '../../src/contracts/errors.ts';
import { Programs, type Program } from '../support/programs.ts';
import { until } from '../support/until.ts';
import { startTestServer, type TestServer } from '../support/versitygw.ts';

const WORKER = fileURLToPath(new URL('../support/worker-main.ts', import.meta.url));
const programs = new Programs();
let folder: string;
let s3: TestServer;
let binary: string;
const servers: TemporalServer[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tributary-worker-'));
  [s3, binary] = await Promise.all([startTestServer(), ensureTemporalBinary()]);
});
afterEach(async () => {
  await programs.stopAll();
  await Promise.all(servers.splice(0).map((server) => server.stop(0)));
});
afterAll(async () => {
  await s3.stop();
  await rm(folder, { recursive: true, force: true });
});

const serveTemporal = async (port?: number): Promise<TemporalServer> => {
  const server = await startTemporal({ binary, logFile: join(folder, 'temporal.log'), ...(port === undefined ? {} : { port }) });
  servers.push(server);
  return server;
};

/** A worker with free ports for health and metrics. */
const startWorker = async (env: Record<string, string>): Promise<{ worker: Program; health: (path: string) => Promise<{ code: number; body: unknown }>; metrics: () => Promise<string> }> => {
  const health = await choosePort();
  const metrics = await choosePort(0, [health]);
  const worker = programs.start(process.execPath, [WORKER], {
    cwd: folder,
    env: {
      PATH: readEnvironment().paths.search.join(':'), HOME: folder, XDG_CACHE_HOME: dirname(readEnvironment().paths.cache),
      AWS_ENDPOINT_URL_S3: s3.endpoint, AWS_REGION: 'us-east-1', AWS_ACCESS_KEY_ID: s3.root.accessKeyId, AWS_SECRET_ACCESS_KEY: s3.root.secretAccessKey,
      TRIBUTARY_HEALTH_PORT: String(health), TRIBUTARY_METRICS_PORT: String(metrics), ...env,
    },
  });
  return {
    worker,
    health: async (path) => {
      const response = await fetch(`http://127.0.0.1:${health}${path}`).catch(() => undefined);
      return { code: response?.status ?? 0, body: await response?.json() };
    },
    metrics: async () => (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text(),
  };
};

describe('a worker process', () => {
  it('waits for Temporal, is ready while Temporal and S3 are there, and ends in seconds on SIGTERM', async () => {
    const port = await choosePort();
    const { worker, health, metrics } = await startWorker({ TEMPORAL_ADDRESS: `127.0.0.1:${port}` });
    await worker.printed(/Temporal at 127\.0\.0\.1:\d+ cannot be reached; trying again/);
    expect(await health('/livez')).toEqual({ code: 200, body: { alive: true } });
    expect(await health('/readyz')).toMatchObject({ code: 503, body: { ready: false, reasons: ['the worker is starting', `Temporal does not answer: not connected to 127.0.0.1:${port} yet`] } });

    const server = await serveTemporal(port);
    await worker.printed(/worker is ready/);
    expect(await until(() => health('/readyz'), ({ code }) => code === 200)).toEqual({ code: 200, body: { ready: true, reasons: [] } });
    expect(await health('/status')).toMatchObject({
      code: 200,
      body: {
        queues: { tributary: { runState: 'RUNNING' }, 'tributary-data': { runState: 'RUNNING' } }, memory: { budgetBytes: 256 * 2 ** 20, heldBytes: 0 },
        reachable: { temporal: 'ok', stores: { default: 'ok' } },
      },
    });
    const exported = await until(metrics, (text) => text.includes('tributary_memory_held_bytes'));
    expect(exported).toMatch(/^tributary_memory_budget_bytes 268435456$/m);
    expect(exported).toMatch(/^temporal_worker_task_slots_available\{.*task_queue="tributary-data".*\} [1-9]/m);
    expect(exported).toMatch(/^temporal_request_latency_seconds_bucket/m);
    expect(exported).toMatch(/^temporal_long_request_total/m);

    await s3.kill();
    expect(await until(() => health('/readyz'), ({ code }) => code !== 200)).toMatchObject({ code: 503, body: { reasons: [expect.stringMatching(/^store default does not answer: /)] } });
    await s3.start();
    await until(() => health('/readyz'), ({ code }) => code === 200);

    await server.stop(0);
    expect(await until(() => health('/readyz'), ({ code }) => code !== 200)).toMatchObject({ code: 503, body: { reasons: [expect.stringMatching(/^Temporal does not answer: /)] } });
    expect((await health('/livez')).code).toBe(200);
    await serveTemporal(port);
    await until(() => health('/readyz'), ({ code }) => code === 200);

    worker.kill('SIGTERM');
    const ended = await worker.ended;
    expect(ended.code).toBe(EXIT.ok);
    expect(ended.stdout).toBe('');
    const lines = ended.stderr.trim().split('\n').map((line) => JSON.parse(line) as { msg: string });
    expect(lines.at(-1)?.msg).toBe('worker has stopped');
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('that still waits for Temporal ends at once on %s', async (signal) => {
    const { worker } = await startWorker({ TEMPORAL_ADDRESS: `127.0.0.1:${await choosePort()}` });
    await worker.printed(/cannot be reached/);
    worker.kill(signal);
    expect((await worker.ended).code).toBe(EXIT.ok);
  });

  it('ends on SIGTERM also when Temporal has gone for good', async () => {
    const server = await serveTemporal();
    const { worker } = await startWorker({ TEMPORAL_ADDRESS: server.address });
    await worker.printed(/worker is ready/);
    await server.stop(0);
    worker.kill('SIGTERM');
    expect((await worker.ended).code).toBe(EXIT.ok);
  });

  it('has rehearsed a run when it is ready, and the server knows of none', async () => {
    const server = await serveTemporal();
    const { worker } = await startWorker({ TEMPORAL_ADDRESS: server.address, TRIBUTARY_LOG_LEVEL: 'debug' });
    // Temporal holds its lines back for a moment: their time says when they were meant.
    await Promise.all([worker.printed(/worker is ready/), worker.printed(/rehearsed the first steps of a run/)]);
    const lines = worker.stderr().trim().split('\n').map((line) => JSON.parse(line) as { time: string; msg: string; asked?: string[] });
    const said = (message: string) => lines.find(({ msg }) => msg === message);
    const rehearsed = said('rehearsed the first steps of a run');
    expect(rehearsed?.asked).toEqual(expect.arrayContaining(['scheduleActivity', 'startChildWorkflowExecution']));
    expect(Date.parse(rehearsed?.time ?? '')).toBeLessThanOrEqual(Date.parse(said('worker is ready')?.time ?? ''));
    const connection = await Connection.connect({ address: server.address });
    expect(await new Client({ connection }).workflow.count()).toMatchObject({ count: 0 });
    await connection.close();
  });

  it('asks each store while it starts; one that never answers is named, and no reason not to start', async () => {
    const silent = createServer((socket) => { socket.unref(); }).listen(0, '127.0.0.1').unref();
    await once(silent, 'listening');
    const server = await serveTemporal();
    const { worker } = await startWorker({
      TEMPORAL_ADDRESS: server.address, TRIBUTARY_STORES_AWAY_ENDPOINT: `http://127.0.0.1:${(silent.address() as AddressInfo).port}`,
      TRIBUTARY_STORES_AWAY_CREDENTIALS_ACCESS_KEY_ID: 'env:AWS_ACCESS_KEY_ID', TRIBUTARY_STORES_AWAY_CREDENTIALS_SECRET_ACCESS_KEY: 'env:AWS_SECRET_ACCESS_KEY',
    });
    await worker.printed(/store away does not answer: /);
    expect(worker.stderr()).toMatch(/worker is ready[^]*store away does not answer/);
    expect(worker.stderr()).not.toMatch(/store default does not answer/);
    await until(() => s3.requests(), (requests) => requests.some(({ bucket }) => bucket === 'tributary-ping'));
  });

  it('serves only the queues it is asked for', async () => {
    const server = await serveTemporal();
    const { worker, health } = await startWorker({ TEMPORAL_ADDRESS: server.address, TRIBUTARY_WORKER_QUEUES: 'data' });
    await worker.printed(/worker is ready/);
    expect(Object.keys(((await health('/status')).body as { queues: object }).queues)).toEqual(['tributary-data']);
  });

  it('refuses, with one clear line, what can never work', async () => {
    const server = await serveTemporal();
    const refused = async (env: Record<string, string>, message: RegExp): Promise<void> => {
      const { code, stderr } = await (await startWorker({ TEMPORAL_ADDRESS: server.address, ...env })).worker.ended;
      expect({ code, stderr }).toEqual({ code: EXIT.usage, stderr: expect.stringMatching(message) });
    };
    await refused({ TRIBUTARY_WORKER_DATA_SLOTS: '200' }, /worker\.dataSlots 200 needs a memory\.budget of/);
    await refused({ TEMPORAL_NAMESPACE: 'nowhere' }, /has no namespace \\"nowhere\\"/);
    await refused({ TRIBUTARY_HEALTH_PORT: server.address.split(':')[1]! }, /health cannot be served at 127\.0\.0\.1:/);
    await refused({ TRIBUTARY_METRICS_PORT: server.address.split(':')[1]! }, /the metrics cannot be served at 127\.0\.0\.1:/);
  });
});
