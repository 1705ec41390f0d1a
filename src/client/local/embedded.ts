/**
 * The embedded Temporal server of local mode: the first command starts it, others find and share it, the last one out stops it.
 * It survives the death of the command that started it; the next command finds it, or starts it again on its database. Where it dies itself,
 * or is stuck, whoever uses it and sees that first starts it again at its address.
 */
import { mkdir, rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Environment } from '../../config/environment.ts';
import { TributaryError } from '../../contracts/errors.ts';
import { ensureTemporalBinary } from '../services/ensure-program.ts';
import { isAlive, runsProgram, stopProcess } from '../services/managed-process.ts';
import { createStuckDetector, isTemporalHealthy, startTemporal } from '../services/temporal.ts';
import { liveUsers, readState, serverState, withLock, writeState, type ServerState } from './state.ts';

export interface EmbeddedServer {
  readonly address: string;
  readonly uiUrl: string;
  /** Whether other commands used it when this one came. */
  readonly shared: boolean;
  readonly logFile: string;
  /** Rejects where the server has ended, and cannot be started again; never resolves. */
  readonly failed: Promise<never>;
  /** Stops the server where nobody else uses it. */
  leave(): Promise<void>;
}

const LOOK_EACH_MS = 1_000;
/** With less than this the server's database cannot be written to. */
const FULL_BYTES = 2 ** 20;

export async function joinEmbedded(directory: string, environment: Environment, tell: (line: string) => void): Promise<EmbeddedServer> {
  const users = join(directory, 'users');
  const stateFile = join(directory, 'server.json');
  const me = join(users, String(process.pid));
  const joined = await withLock(directory, async () => {
    await mkdir(users, { recursive: true });
    const others = (await liveUsers(users)).filter((pid) => pid !== process.pid);
    const running = await findRunning(stateFile);
    const found = running ?? await start(directory, stateFile, environment, tell);
    await writeFile(me, '');
    return { server: found, shared: others.length > 0 };
  });
  let { server } = joined;
  const leaving = new AbortController();
  const watch = async (): Promise<never> => {
    let isStuck = createStuckDetector();
    for (let wasFull = false; ;) {
      await sleep(LOOK_EACH_MS, undefined, { signal: leaving.signal });
      const isFull = await isDiskFull(directory);
      if (isFull && !wasFull) tell(`waiting: no space is left on the disk of ${directory}, where the embedded Temporal server keeps its runs; they go on when there is`);
      wasFull = isFull;
      // Without room it cannot be started again.
      const alive = isAlive(server.pid);
      if (alive && (isFull || !await isStuck(server.address))) continue;
      server = await withLock(directory, async () => {
        leaving.signal.throwIfAborted();
        return await findRunning(stateFile) ?? start(directory, stateFile, environment, tell, server.address);
      });
      if (server.address !== joined.server.address) throw new TributaryError('TRB-TEMPORAL-UNREACHABLE', 'the embedded Temporal server has ended, and its port is taken; the same command starts it again elsewhere');
      tell(`the embedded Temporal server had ${alive ? 'stopped answering' : 'ended'}; it was started again`);
      isStuck = createStuckDetector();
    }
  };
  const failed = watch().catch((error: unknown): Promise<never> => (leaving.signal.aborted ? new Promise(() => undefined) : Promise.reject(error as Error)));
  // Whoever does not look at it is not ended by it.
  failed.catch(() => undefined);
  return {
    address: server.address, uiUrl: server.uiUrl, shared: joined.shared, logFile: join(directory, 'worker.log'), failed,
    leave: async () => {
      leaving.abort();
      const leave = async (): Promise<void> => {
        await rm(me, { force: true });
        if ((await liveUsers(users)).length > 0) return;
        await rm(stateFile, { force: true });
        // At once: what the server acknowledged is in its database, and nobody is left to be told goodbye.
        await stopProcess(server.pid, 0);
      };
      try {
        await withLock(directory, leave);
      } catch (error) {
        // Without room for a lock nobody else can come either.
        if (!await isDiskFull(directory)) throw error;
        await leave();
      }
    },
  };
}

async function isDiskFull(directory: string): Promise<boolean> {
  const { bavail, bsize } = await statfs(directory);
  return bavail * bsize < FULL_BYTES;
}

async function findRunning(stateFile: string): Promise<ServerState | undefined> {
  const state = await readState(stateFile, serverState);
  if (state === undefined || !isAlive(state.pid) || !await runsProgram(state.pid, state.program)) return undefined;
  if (await isTemporalHealthy(state.address)) return state;
  // It hangs: two servers must not share a database.
  await stopProcess(state.pid);
  return undefined;
}

/** @param address where it is to listen, if it can */
async function start(directory: string, stateFile: string, environment: Environment, tell: (line: string) => void, address?: string): Promise<ServerState> {
  const program = await ensureTemporalBinary({ environment, onProgress: tell });
  const server = await startTemporal({
    binary: program, databaseFile: join(directory, 'temporal.db'), logFile: join(directory, 'temporal.log'),
    ...(address === undefined ? {} : { port: Number(address.slice(address.lastIndexOf(':') + 1)) }),
    // Before anything else can go wrong: a server that nobody knows of would keep the database.
    onSpawn: ({ pid, address, uiUrl }) => writeState(stateFile, { pid, program, address, uiUrl }),
  });
  return { pid: server.pid, program, address: server.address, uiUrl: server.uiUrl };
}
