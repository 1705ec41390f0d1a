/**
 * The embedded Temporal server of local mode: the first command starts it, others find and share it, the last one out stops it.
 * It survives the death of the command that started it; the next command finds it, or starts it again on its database.
 */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Environment } from '../../config/environment.ts';
import { ensureTemporalBinary } from '../services/ensure-program.ts';
import { isAlive, runsProgram, stopProcess } from '../services/managed-process.ts';
import { isTemporalHealthy, startTemporal } from '../services/temporal.ts';
import { liveUsers, readState, serverState, withLock, writeState, type ServerState } from './state.ts';

export interface EmbeddedServer {
  readonly address: string;
  readonly uiUrl: string;
  /** Whether other commands used it when this one came. */
  readonly shared: boolean;
  readonly logFile: string;
  /** Stops the server where nobody else uses it. */
  leave(): Promise<void>;
}

export async function joinEmbedded(directory: string, environment: Environment, tell: (line: string) => void): Promise<EmbeddedServer> {
  const users = join(directory, 'users');
  const stateFile = join(directory, 'server.json');
  const me = join(users, String(process.pid));
  const { server, shared } = await withLock(directory, async () => {
    await mkdir(users, { recursive: true });
    const others = (await liveUsers(users)).filter((pid) => pid !== process.pid);
    const running = await findRunning(stateFile);
    const found = running ?? await start(directory, stateFile, environment, tell);
    await writeFile(me, '');
    return { server: found, shared: others.length > 0 };
  });
  return {
    address: server.address, uiUrl: server.uiUrl, shared, logFile: join(directory, 'worker.log'),
    leave: () => withLock(directory, async () => {
      await rm(me, { force: true });
      if ((await liveUsers(users)).length > 0) return;
      await rm(stateFile, { force: true });
      // At once: what the server acknowledged is in its database, and nobody is left to be told goodbye.
      await stopProcess(server.pid, 0);
    }),
  };
}

async function findRunning(stateFile: string): Promise<ServerState | undefined> {
  const state = await readState(stateFile, serverState);
  if (state === undefined || !isAlive(state.pid) || !await runsProgram(state.pid, state.program)) return undefined;
  if (await isTemporalHealthy(state.address)) return state;
  // It hangs: two servers must not share a database.
  await stopProcess(state.pid);
  return undefined;
}

async function start(directory: string, stateFile: string, environment: Environment, tell: (line: string) => void): Promise<ServerState> {
  const program = await ensureTemporalBinary({ environment, onProgress: tell });
  const server = await startTemporal({
    binary: program, databaseFile: join(directory, 'temporal.db'), logFile: join(directory, 'temporal.log'),
    // Before anything else can go wrong: a server that nobody knows of would keep the database.
    onSpawn: ({ pid, address, uiUrl }) => writeState(stateFile, { pid, program, address, uiUrl }),
  });
  return { pid: server.pid, program, address: server.address, uiUrl: server.uiUrl };
}
