/**
 * The two servers of `tributary dev`: starts them on one folder of data, tells other commands of them, and stops them.
 *
 * Invariants: one folder has one `dev` at a time; however `dev` ends by itself, its servers do not outlive it; what a `dev` that was killed left
 * running is stopped before the next one starts, and said so until it is gone.
 */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Environment } from '../../config/environment.ts';
import { TributaryError } from '../../contracts/errors.ts';
import { ensureTemporalBinary, ensureVersitygwBinary } from '../services/ensure-program.ts';
import { killProcess, runsProgram, stopProcess } from '../services/managed-process.ts';
import { startTemporal, type TemporalServer } from '../services/temporal.ts';
import { startVersitygw, type S3Server } from '../services/versitygw.ts';
import { listDevs, withLock, writeState, type DevState } from './state.ts';

export interface DevOptions {
  readonly environment: Environment;
  /** Folder of the data; made where it is missing. */
  readonly data: string;
  /** Whether it goes when `dev` ends; runs are kept in memory then. */
  readonly ephemeral: boolean;
  readonly ports: { readonly temporal: number; readonly ui: number; readonly s3: number };
  readonly tell: (line: string) => void;
  /** Called when what an earlier `dev` left running is gone, and before anything is started. */
  readonly whenClear: () => Promise<void>;
  /** Called when the servers have been started, and have yet to answer. */
  readonly whileStarting: () => void;
}

export interface DevServers {
  readonly temporal: TemporalServer;
  readonly s3: S3Server;
  stop(): Promise<void>;
}

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
    let spawned = 0;
    const onSpawn = (): void => {
      spawned += 1;
      if (spawned === 2) options.whileStarting();
    };
    const starts = await Promise.allSettled([
      startTemporal({
        binary: temporalBinary, logFile: join(data, 'temporal.log'), port: options.ports.temporal, uiPort: options.ports.ui, onSpawn,
        ...(options.ephemeral ? {} : { databaseFile: join(data, 'temporal.db') }),
      }),
      startVersitygw({ binary: s3Binary, directory: join(data, 's3'), logFile: join(data, 's3.log'), port: options.ports.s3, onSpawn, ...KEYS }),
    ] as const);
    const [temporal, s3] = starts;
    if (temporal.status === 'rejected' || s3.status === 'rejected') {
      for (const start of starts) if (start.status === 'fulfilled') await start.value.stop();
      throw starts.find((start) => start.status === 'rejected')?.reason;
    }
    const path = join(folder, `${process.pid}.json`);
    const state: DevState = {
      pid: process.pid, startedMs: Date.now(), data, ephemeral: options.ephemeral,
      temporal: { pid: temporal.value.pid, program: temporalBinary, address: temporal.value.address, uiUrl: temporal.value.uiUrl },
      s3: { pid: s3.value.pid, program: s3Binary, endpoint: s3.value.endpoint, region: s3.value.region, ...KEYS },
    };
    await writeState(path, state);
    // A second Ctrl-C ends this process at once, in the middle of `stop` too.
    const killAll = (): void => { for (const { pid } of [temporal.value, s3.value]) killProcess(pid); };
    process.once('exit', killAll);
    return {
      temporal: temporal.value, s3: s3.value,
      stop: async () => {
        await Promise.all([temporal.value.stop(), s3.value.stop()]);
        process.off('exit', killAll);
        await rm(path, { force: true });
      },
    };
  });
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
