/**
 * The two servers of `tributary dev`: starts them on one folder of data, tells other commands of them, starts Temporal again where it is stuck,
 * and stops them.
 *
 * Invariants: one folder has one `dev` at a time; however `dev` ends by itself, its servers do not outlive it; what a `dev` that was killed left
 * running is stopped before the next one starts, and said so until it is gone.
 */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Environment } from '../../config/environment.ts';
import { TributaryError } from '../../contracts/errors.ts';
import { ensureTemporalBinary, ensureVersitygwBinary } from '../services/ensure-program.ts';
import { killProcess, runsProgram, stopProcess } from '../services/managed-process.ts';
import { createStuckDetector, startTemporal, type ServerFacts, type TemporalServer } from '../services/temporal.ts';
import { startVersitygw, type S3Server } from '../services/versitygw.ts';
import { listDevs, withLock, writeState, type DevState } from './state.ts';

export interface DevOptions {
  readonly environment: Environment;
  /** Folder of the data; made where it is missing. */
  readonly data: string;
  /** Whether it goes when `dev` ends. */
  readonly ephemeral: boolean;
  readonly ports: { readonly temporal: number; readonly ui: number; readonly s3: number };
  readonly tell: (line: string) => void;
  /** Called when what an earlier `dev` left running is gone, and before anything is started. */
  readonly whenClear: () => Promise<void>;
  /** Called when the servers have been started, and have yet to answer. */
  readonly whileStarting: () => void;
}

export interface DevServers {
  readonly temporal: Pick<ServerFacts, 'address' | 'uiUrl'>;
  readonly s3: S3Server;
  /** Resolves where one of them has ended by itself, with what to say of it. */
  readonly ended: Promise<string>;
  stop(): Promise<void>;
}

const LOOK_EACH_MS = 1_000;

/** Good for this machine only: the S3 server listens on 127.0.0.1. */
const KEYS = { accessKeyId: 'tributary', secretAccessKey: 'tributary-dev' } as const;

/** @throws TRB-INVALID-CONFIG where another `dev` uses the data, or a program cannot be had; what `whenClear` throws */
export async function startDevServers(options: DevOptions): Promise<DevServers> {
  const { environment, data, tell } = options;
  const folder = join(environment.paths.state, 'dev');
  await mkdir(folder, { recursive: true });
  await mkdir(data, { recursive: true });
  const [temporalBinary, s3Binary] = await Promise.all([
    ensureTemporalBinary({ environment, onProgress: tell }), ensureVersitygwBinary({ environment, onProgress: tell }),
  ]);
  return withLock(data, async () => {
    await clearUp(environment, data);
    await options.whenClear();
    const temporalOptions = { binary: temporalBinary, logFile: join(data, 'temporal.log'), databaseFile: join(data, 'temporal.db') };
    let spawned = 0;
    const onSpawn = (): void => {
      spawned += 1;
      if (spawned === 2) options.whileStarting();
    };
    const starts = await Promise.allSettled([
      startTemporal({ ...temporalOptions, port: options.ports.temporal, uiPort: options.ports.ui, onSpawn }),
      startVersitygw({ binary: s3Binary, directory: join(data, 's3'), logFile: join(data, 's3.log'), port: options.ports.s3, onSpawn, ...KEYS }),
    ] as const);
    const [temporal, s3] = starts;
    if (temporal.status === 'rejected' || s3.status === 'rejected') {
      for (const start of starts) if (start.status === 'fulfilled') await start.value.stop();
      throw starts.find((start) => start.status === 'rejected')?.reason;
    }
    const path = join(folder, `${process.pid}.json`);
    const pids = { temporal: temporal.value.pid, s3: s3.value.pid };
    const tellOthers = async ({ pid, address, uiUrl }: ServerFacts): Promise<void> => {
      pids.temporal = pid;
      const state: DevState = {
        pid: process.pid, startedMs: Date.now(), data, ephemeral: options.ephemeral, temporal: { pid, program: temporalBinary, address, uiUrl },
        s3: { pid: pids.s3, program: s3Binary, endpoint: s3.value.endpoint, region: s3.value.region, ...KEYS },
      };
      await writeState(path, state);
    };
    await tellOthers(temporal.value);
    // A second Ctrl-C ends this process at once, in the middle of `stop` too.
    const killAll = (): void => { for (const pid of Object.values(pids)) killProcess(pid); };
    process.once('exit', killAll);
    const stopping = new AbortController();
    const restart = ({ address, uiUrl }: ServerFacts): Promise<TemporalServer> => withLock(data, async () => {
      stopping.signal.throwIfAborted();
      await stopProcess(pids.temporal, 0);
      const port = (url: string): number => Number(url.slice(url.lastIndexOf(':') + 1));
      return startTemporal({ ...temporalOptions, port: port(address), uiPort: port(uiUrl), onSpawn: tellOthers });
    });
    const temporalEnded = keepAnswering(temporal.value, { restart, tell, signal: stopping.signal });
    return {
      temporal: temporal.value, s3: s3.value,
      ended: Promise.race([temporalEnded, s3.value.exited.then((how) => `the S3 server has ended by itself: ${how}`)]),
      stop: async () => {
        stopping.abort();
        await temporalEnded;
        await Promise.all([stopProcess(pids.temporal), s3.value.stop()]);
        process.off('exit', killAll);
        await rm(path, { force: true });
      },
    };
  });
}

interface KeepAnswering {
  readonly restart: (stuck: ServerFacts) => Promise<TemporalServer>;
  readonly tell: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Has a server that is stuck started again. Resolves when it has ended otherwise, or when it is no longer wanted, with what to say of it. */
async function keepAnswering(server: TemporalServer, { restart, tell, signal }: KeepAnswering): Promise<string> {
  const isStuck = createStuckDetector();
  let how: string | undefined;
  void server.exited.then((exit) => { how = exit; });
  try {
    for (;;) {
      await Promise.race([server.exited, sleep(LOOK_EACH_MS, undefined, { signal })]);
      if (how !== undefined) return `the Temporal server has ended by itself: ${how}`;
      if (!await isStuck(server.address)) continue;
      const again = await restart(server);
      if (again.address !== server.address) return `the Temporal server had stopped answering, and its port is taken; it was started again at ${again.address}`;
      tell('the Temporal server had stopped answering; it was started again');
      return await keepAnswering(again, { restart, tell, signal });
    }
  } catch (error) {
    return signal.aborted ? 'stopped' : `the Temporal server had stopped answering, and cannot be started again: ${(error as Error).message}`;
  }
}

/** @throws TRB-INVALID-CONFIG where a living `dev` uses the data */
async function clearUp(environment: Environment, data: string): Promise<void> {
  for (const { path, state, alive } of await listDevs(environment.paths.state)) {
    if (alive && state.data === data) {
      throw new TributaryError('TRB-INVALID-CONFIG',
        `tributary dev runs on this data already (process ${state.pid}): Temporal ${state.temporal.address}, S3 ${state.s3.endpoint}; use it, or give this one another --data or --ephemeral`);
    }
    if (alive) continue;
    for (const { pid, program } of [state.temporal, state.s3]) if (await runsProgram(pid, program)) await stopProcess(pid);
    if (state.ephemeral) await rm(state.data, { recursive: true, force: true });
    await rm(path, { force: true });
  }
}
