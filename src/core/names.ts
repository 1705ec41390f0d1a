/**
 * What a run's objects are called. No zod and no clock here: workflow code imports this file.
 *
 * Names of the chunks of a group sort in source order up to 10^8 chunks; the number gets longer after that.
 */
import { TributaryError } from '../contracts/errors.ts';
import { CONTROL_FOLDER } from '../contracts/names.ts';

/** `20260102T030405Z-89abcdef`: see `makeStamp`. */
export const STAMP = /^\d{8}T\d{6}Z-[0-9a-f]{8}$/;

/** `merged-<stamp>-<chunk>.<extension>`; more than 8 digits never start with 0. */
const CHUNK_NAME = /^merged-(\d{8}T\d{6}Z-[0-9a-f]{8})-(\d{8}|[1-9]\d{8,14})\.([A-Za-z0-9][A-Za-z0-9.]{0,15})$/;

const RUNS_FOLDER = `${CONTROL_FOLDER}runs/`;

/** Longest key that S3 takes, in UTF-8 bytes. */
const MAX_KEY_BYTES = 1024;

/**
 * The stamp of a run: its start in UTC and the last 8 hex digits of its first execution's run id. (Run ids are UUIDv7: their first
 * digits are a clock, and two runs of the same second would share them.)
 */
export function makeStamp(startMs: number, runId: string): string {
  const stamp = `${new Date(startMs).toISOString().replace(/[-:]|\.\d+/g, '')}-${runId.slice(-8).toLowerCase()}`;
  if (!STAMP.test(stamp)) throw new TributaryError('TRB-INTERNAL', `no stamp can be made of run id "${runId}"`);
  return stamp;
}

/** @param chunk number of the chunk in its group, from 0 */
export function chunkName(stamp: string, chunk: number, extension: string): string {
  return `merged-${stamp}-${String(chunk).padStart(8, '0')}.${extension}`;
}

export interface ChunkName {
  readonly stamp: string;
  readonly chunk: number;
  readonly extension: string;
}

/** The parts of a chunk's file name; null for every name that no run writes, as a user's own `merged-2024.log`. */
export function parseChunkName(fileName: string): ChunkName | null {
  const [, stamp, chunk, extension] = CHUNK_NAME.exec(fileName) ?? [];
  if (stamp === undefined || chunk === undefined || extension === undefined) return null;
  return { stamp, chunk: Number(chunk), extension };
}

/**
 * The key of a chunk in the target bucket.
 * @param directory of the group, relative to the source prefix; empty, or with a slash at its end
 */
export function chunkKey(targetPrefix: string, directory: string, stamp: string, chunk: number, extension: string): string {
  return `${targetPrefix}${directory}${chunkName(stamp, chunk, extension)}`;
}

/** Whether S3 would refuse the key for its length. A target prefix that is longer than the source's can bring that about, and a long directory. */
export function isKeyTooLong(key: string): boolean {
  return Buffer.byteLength(key) > MAX_KEY_BYTES;
}

/** The folder of a run's control data. */
export function controlPrefix(targetPrefix: string, stamp: string): string {
  return `${targetPrefix}${RUNS_FOLDER}${stamp}/`;
}

/** Whether a key lies in the control data of some run, below any prefix. */
export function isControlKey(key: string): boolean {
  return key.startsWith(RUNS_FOLDER) || key.includes(`/${RUNS_FOLDER}`);
}

const IN_CONTROL = new RegExp(`(?:^|/)${RUNS_FOLDER}(\\d{8}T\\d{6}Z-[0-9a-f]{8})/`);

/** The stamp of the run in whose control data a key lies, or null. */
export function controlStampOf(key: string): string | null {
  return IN_CONTROL.exec(key)?.[1] ?? null;
}
