/** What the memory budget is spent on: the slab that all calls share, and how many calls of mergeChunks fit in it, by the pipeline's own formula. */
import type { Config } from '../contracts/config.ts';
import { TributaryError } from '../contracts/errors.ts';
import { SLAB_SHARE, type Slab } from '../pipeline/slab.ts';

const mebibytes = (sizeBytes: number): string => `${Math.ceil(sizeBytes / 2 ** 20)}MiB`;

/** Bytes of the slab. */
export function slabBytes({ memory }: Pick<Config, 'memory'>): number {
  return Math.floor(memory.budget * SLAB_SHARE);
}

/**
 * Calls of mergeChunks at the same time.
 * @param callBytes bytes that one call reserves before it starts
 * @throws TRB-INVALID-CONFIG where the budget cannot hold one call, or not as many as were asked for
 */
export function dataSlots(config: Pick<Config, 'memory' | 'worker'>, callBytes: number): number {
  const { memory: { budget }, worker } = config;
  const fitting = Math.floor(slabBytes(config) / callBytes);
  if (fitting < 1) {
    throw new TributaryError('TRB-INVALID-CONFIG', `memory.budget ${mebibytes(budget)} cannot hold one call, which needs ${mebibytes(callBytes / SLAB_SHARE)}`);
  }
  if (worker.dataSlots === undefined) return Math.min(fitting, 256);
  if (worker.dataSlots > fitting) {
    throw new TributaryError('TRB-INVALID-CONFIG', `worker.dataSlots ${worker.dataSlots} needs a memory.budget of ${mebibytes((worker.dataSlots * callBytes) / SLAB_SHARE)}; `
      + `it is ${mebibytes(budget)}, which holds ${fitting}`);
  }
  return worker.dataSlots;
}

/**
 * Calls that this worker could begin now. Those of a run with large parts need more than `callBytes`, so that a call may wait for room while a slot is free.
 * @param slots as many as it takes @param running as many as it has
 */
export function freeSlots(slots: number, running: number, callBytes: number, { unreservedBytes }: Pick<Slab, 'unreservedBytes'>): number {
  return Math.min(slots - running, Math.floor(unreservedBytes / callBytes));
}
