/**
 * Who serves local mode on this machine, kept as files in the state directory: servers that run, and commands that use them.
 *
 *   dev/<pid>.json                 a running `tributary dev`: its addresses, and the servers it started
 *   local/<store>/server.json      the embedded Temporal server for runs against one S3 endpoint
 *   local/<store>/users/<pid>      a command that uses that server
 *   local/<store>/lock             held while a server is started or stopped
 *   local/<store>/temporal.db      its runs
 *
 * Invariants: a file that names a process that is gone counts for nothing, and who meets it removes it. A server is started
 * and stopped only under the lock, so one database never has two.
 */
import { existsSync } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { isAlive } from '../services/managed-process.ts';

export const serverState = z.object({ pid: z.int(), program: z.string(), address: z.string(), uiUrl: z.string() });
export type ServerState = z.infer<typeof serverState>;

export const devState = z.object({
  pid: z.int(),
  startedMs: z.number(),
  data: z.string(),
  /** Whether the data goes when `dev` ends. */
  ephemeral: z.boolean(),
  temporal: serverState,
  s3: z.object({ pid: z.int(), program: z.string(), endpoint: z.string(), region: z.string(), accessKeyId: z.string(), secretAccessKey: z.string() }),
});
export type DevState = z.infer<typeof devState>;

/** What a state file holds, or undefined where there is none, or nothing that we wrote. */
export async function readState<T>(path: string, schema: z.ZodType<T>): Promise<T | undefined> {
  try {
    return schema.safeParse(JSON.parse(await readFile(path, 'utf8'))).data;
  } catch {
    // Missing, or half written by a process that died: both mean that there is nothing.
    return undefined;
  }
}

/** Written beside and renamed, readable by its owner alone: it may hold the keys of the local S3 server. */
export async function writeState(path: string, value: unknown): Promise<void> {
  await writeFile(`${path}.${process.pid}`, JSON.stringify(value), { mode: 0o600 });
  await rename(`${path}.${process.pid}`, path);
}

/** Every `tributary dev` that left a file, newest first, and whether it still runs. */
export async function listDevs(stateDirectory: string): Promise<{ readonly path: string; readonly state: DevState; readonly alive: boolean }[]> {
  const folder = join(stateDirectory, 'dev');
  if (!existsSync(folder)) return [];
  const found = await Promise.all((await readdir(folder)).filter((name) => name.endsWith('.json')).map(async (name) => {
    const path = join(folder, name);
    const state = await readState(path, devState);
    return state === undefined ? [] : [{ path, state, alive: isAlive(state.pid) && isAlive(state.temporal.pid) }];
  }));
  return found.flat().sort((a, b) => b.state.startedMs - a.state.startedMs);
}

/** Pids in a folder of user files whose processes run. Files of the others are removed. */
export async function liveUsers(folder: string): Promise<number[]> {
  const pids = (await readdir(folder)).map(Number).filter((pid) => Number.isInteger(pid));
  const dead = pids.filter((pid) => !isAlive(pid));
  for (const pid of dead) await rm(join(folder, String(pid)), { force: true });
  return pids.filter((pid) => !dead.includes(pid));
}

const LOCK_TIMEOUT_MS = 60_000;

/** Runs `work` while no other process holds the lock. A lock whose holder is gone is taken over. */
export async function withLock<T>(folder: string, work: () => Promise<T>): Promise<T> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, 'lock');
  const deadlineMs = Date.now() + LOCK_TIMEOUT_MS;
  while (!await take(path)) {
    const holder = Number(await readFile(path, 'utf8').catch(() => ''));
    // Empty: its holder is just writing it. Where it stays so, the holder died there, and the deadline decides.
    if ((holder > 0 && !isAlive(holder)) || Date.now() > deadlineMs) await rm(path, { force: true });
    else await sleep(50);
  }
  try {
    return await work();
  } finally {
    await rm(path, { force: true });
  }
}

async function take(path: string): Promise<boolean> {
  let file;
  try {
    file = await open(path, 'wx');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
  try {
    await file.writeFile(String(process.pid));
  } catch (error) {
    // On a full disk: a lock that names nobody would be waited for.
    await rm(path, { force: true });
    throw error;
  } finally {
    await file.close();
  }
  return true;
}
