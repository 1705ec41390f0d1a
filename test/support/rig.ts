/**
 * The real thing for end-to-end tests: a Temporal server, an S3 server with its request log, workers as processes, and the command line.
 * All of it is new for each test file, and gone after it.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll } from '@jest/globals';
import { Client, Connection } from '@temporalio/client';
import { ensureTemporalBinary } from '../../src/client/services/ensure-program.ts';
import { startTemporal, type TemporalServer } from '../../src/client/services/temporal.ts';
import { readEnvironment } from '../../src/config/environment.ts';
import { openBuckets, type Buckets } from './buckets.ts';
import { Programs, type Ended, type Program } from './programs.ts';
import { startTestServer, type TestServer } from './versitygw.ts';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

export interface RunOptions { readonly env?: Readonly<Record<string, string>>; readonly timeoutMs?: number }

export interface Rig {
  readonly temporal: TemporalServer;
  readonly client: Client;
  readonly s3: TestServer;
  readonly buckets: Buckets;
  readonly programs: Programs;
  /** Home of the processes under test, and room for files of the test. */
  readonly home: string;
  /** The environment of every process under test: how to reach both servers, and an empty home. */
  readonly env: Readonly<Record<string, string>>;
  /** `tributary …`, to its end. */
  cli(args: readonly string[], options?: RunOptions): Promise<Ended>;
  /** `tributary …`, while it goes on. */
  startCli(args: readonly string[], env?: Readonly<Record<string, string>>): Program;
  /** The plain `temporal` command line. */
  temporalCli(args: readonly string[], options?: RunOptions): Promise<Ended>;
  /** Resolves when the worker serves its queues. */
  startWorker(env?: Readonly<Record<string, string>>): Promise<Program>;
}

const TRIBUTARY = join(ROOT, 'bin', 'tributary.mjs');
const MEMORY = '/dev/shm';

/** Variables that say where this machine keeps things; none that says whom to talk to. */
function plainEnvironment(home: string): Record<string, string> {
  const { variables, paths } = readEnvironment();
  const kept = Object.entries(variables).filter(([name]) => !/^(?:AWS|TEMPORAL|TRIBUTARY|XDG)_|^NODE_OPTIONS$|^FORCE_COLOR$/.test(name));
  // The cache holds the servers' programs and the workflow bundle: nothing that a run could depend on.
  return { ...Object.fromEntries(kept), HOME: home, XDG_CACHE_HOME: dirname(paths.cache) };
}

async function startRig({ workers = 1 }: { readonly workers?: number } = {}): Promise<{ readonly rig: Rig; readonly stop: () => Promise<void> }> {
  const home = await mkdtemp(join(existsSync(MEMORY) ? MEMORY : tmpdir(), 'tributary-home-'));
  const programs = new Programs();
  const closers: (() => unknown)[] = [() => rm(home, { recursive: true, force: true })];
  const stop = async (): Promise<void> => {
    await programs.stopAll();
    for (const close of closers.reverse()) await close();
  };
  try {
    const temporalBinary = await ensureTemporalBinary();
    const temporal = await startTemporal({ binary: temporalBinary, logFile: join(home, 'temporal.log') });
    closers.push(() => temporal.stop());
    const s3 = await startTestServer();
    closers.push(() => s3.stop());
    const buckets = openBuckets(s3.endpoint, s3.root);
    closers.push(() => { buckets.close(); });
    const connection = await Connection.connect({ address: temporal.address });
    closers.push(() => connection.close());
    const env = {
      ...plainEnvironment(home), TEMPORAL_ADDRESS: temporal.address, AWS_ENDPOINT_URL_S3: s3.endpoint, AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: s3.root.accessKeyId, AWS_SECRET_ACCESS_KEY: s3.root.secretAccessKey,
    };
    const rig: Rig = {
      temporal, client: new Client({ connection }), s3, buckets, programs, home, env,
      cli: (args, options = {}) => programs.run(process.execPath, [TRIBUTARY, ...args], { ...options, env: { ...env, ...options.env } }),
      startCli: (args, more = {}) => programs.start(process.execPath, [TRIBUTARY, ...args], { env: { ...env, ...more } }),
      temporalCli: (args, options = {}) => programs.run(temporalBinary, args, { ...options, env: { ...env, ...options.env } }),
      startWorker: async (more = {}) => {
        const worker = programs.start(process.execPath, [join(ROOT, 'test', 'support', 'worker-main.ts')], { env: { ...env, ...more } });
        await worker.printed(/worker is ready/);
        return worker;
      },
    };
    for (let count = 0; count < workers; count += 1) await rig.startWorker();
    return { rig, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** A rig for all tests of a file. @param options how many workers it starts with (default 1) */
export function useRig(options: { readonly workers?: number } = {}): () => Rig {
  let started: Awaited<ReturnType<typeof startRig>> | undefined;
  beforeAll(async () => { started = await startRig(options); });
  afterAll(async () => { await started?.stop(); });
  return () => {
    if (!started) throw new Error('the rig is there once the tests run');
    return started.rig;
  };
}
