import { afterAll, afterEach, beforeAll } from '@jest/globals';
import { makeBigSources } from '../support/big-sources.ts';
import { startFaultRig, type FaultRig } from '../support/fault-rig.ts';
import { makeSources } from '../support/numbered-lines.ts';
import type { LoggedRequest } from '../support/request-log.ts';

export const MIB = 2 ** 20;

/** One rig for all tests of a file; no workers and no faults are left from one test to the next. */
export function useFaultRig(): () => FaultRig {
  let rig: FaultRig | undefined;
  beforeAll(async () => {
    rig = await startFaultRig();
    await rig.buckets.create('logs', 'merged');
  });
  afterEach(async () => {
    rig?.proxy.schedule.clear();
    await rig?.killWorkers();
  });
  afterAll(() => rig?.stop());
  return () => {
    if (!rig) throw new Error('the rig is there once the tests run');
    return rig;
  };
}

/** Directories that a store over a file system can hold. */
const DIRECTORIES = ['', 'a/', 'a/b/', 'a-b/', 'a/b/c/', 'dt=2026-01-01/', 'a b+ü/', '日本/'] as const;

export const MANY = { chunk: { lines: 100 } } as const;
export const BIG = { chunk: { lines: 1_000_000 }, partBytes: 5 * MIB } as const;

/** Some hundred small sources in several directories; with `MANY` they make some hundred chunks. */
export async function fillMany({ buckets }: FaultRig, prefix: string, seed: number, sources = 200): Promise<Map<string, Buffer>> {
  const made = makeSources(seed, { sources, directories: DIRECTORIES, maxLines: 400 });
  await buckets.fill('logs', made, prefix);
  return made;
}

/** Sources that make one chunk with `BIG`, of about as many parts. */
export async function fillBig({ buckets }: FaultRig, prefix: string, seed: number, sources = 12): Promise<Map<string, Buffer>> {
  const made = makeBigSources(seed, sources, 5 * MIB + 1111);
  await buckets.fill('logs', made, prefix);
  return made;
}

/** Requests about chunks and their uploads, not about control data or probes. */
export function ofChunks(requests: readonly LoggedRequest[], operation: string): readonly LoggedRequest[] {
  return requests.filter((request) => request.operation === operation && /(?:^|\/)merged-[^/]*$/.test(request.key));
}

/** How many of them the server carried out, and the client was told. */
export function acknowledged(requests: readonly LoggedRequest[]): number {
  return requests.filter(({ answered, status }) => answered && status === 200).length;
}
