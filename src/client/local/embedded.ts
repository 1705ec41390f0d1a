/**
 * The embedded Temporal server of local mode: the first command starts it, others find and share it, the last one out stops it.
 * It survives the death of the command that started it; the next command finds it, or starts it again on its database.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
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

/**
 * Folder of the embedded server. Each S3 endpoint has its own: a worker serves every run that its server knows, so a server
 * must only know runs whose buckets its workers see.
 */
export function embeddedDirectory(environment: Environment, endpoint: string | undefined): string {
  const name = endpoint === undefined ? 'aws' : endpoint.replace(/^https?:\/\//, '').replace(/[^A-Za-z0-9.-]+/g, '-').replace(/-$/, '');
  const short = name.length <= 64 ? name : `${name.slice(0, 48)}-${createHash('sha256').update(name).digest('hex').slice(0, 8)}`;
  return join(environment.paths.state, 'local', short);
}

/** Whether any run was ever started there. */
export const hasRuns = (directory: string): boolean => existsSync(join(directory, 'temporal.db'));

/** Names of the other stores that have an embedded server's data, for hints. */
export async function otherDirectories(directory: string): Promise<string[]> {
  const parent = join(directory, '..');
  const names = await readdir(parent).catch(() => []);
  return names.filter((name) => join(parent, name) !== directory && hasRuns(join(parent, name)));
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
