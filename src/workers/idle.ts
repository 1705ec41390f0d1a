/**
 * What a worker does that has a free slot while no call waits for one: it has running calls share what they have left.
 *
 * Invariants:
 * I1. It asks only while a slot is free that was free a second before: until then calls that wait come by themselves.
 * I2. A workflow is asked whether it can share before it is told to: the question leaves nothing in its history.
 * I3. Nothing depends on it: where Temporal does not answer, calls go on as they are; a workflow that does not answer keeps no other from being asked.
 */
import { randomInt } from 'node:crypto';
import type { Logger } from '@temporalio/common';
import type { Clock } from '../stores/clock.ts';

const LOOK_EACH_MS = 1000;
/** By then a call that was asked has answered, and what it shares was taken. */
const ASK_EACH_MS = 5000;
/** Where nothing runs: a new run's calls come by themselves, and a worker without work is to cost next to nothing. */
const ASK_AGAIN_MS = 10_000;
/** Workflows that are looked at each time. */
const LOOKED_AT = 3;

/** The workflows that make calls, as Temporal knows them. */
export interface RunningBatches {
  /** Ids of some that run. */
  list(): Promise<readonly string[]>;
  canShare(workflowId: string): Promise<boolean>;
  share(workflowId: string): Promise<void>;
}

export interface IdleOptions {
  readonly batches: RunningBatches;
  /** Slots for calls that are free now. */
  readonly freeSlots: () => number;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Goes on until it is stopped. @returns stops */
export function shareWhileIdle({ batches, freeSlots, clock, log }: IdleOptions): () => void {
  const over = new AbortController();
  const watch = async (): Promise<void> => {
    let wasFree = false;
    let nextMs = clock.nowMs();
    for (;;) {
      await clock.sleep(LOOK_EACH_MS, over.signal);
      const free = freeSlots();
      const isIdle = wasFree && free > 0;
      wasFree = free > 0;
      if (!isIdle || clock.nowMs() < nextMs) continue;
      const askedMs = clock.nowMs();
      const couldNot = (error: unknown): void => { log.debug('running calls could not be asked to share', { error }); };
      const running = await batches.list().catch((error: unknown) => {
        couldNot(error);
        return [];
      });
      nextMs = askedMs + (running.length === 0 ? ASK_AGAIN_MS : ASK_EACH_MS);
      await ask(batches, running, free, couldNot);
    }
  };
  watch().catch((error: unknown) => { if (!over.signal.aborted) throw error; });
  return () => { over.abort(); };
}

/** Tells as many to share as there are slots, if there are as many that can. @param couldNot told of each workflow that does not answer: it may have ended, or have no worker */
async function ask(batches: RunningBatches, running: readonly string[], slots: number, couldNot: (error: unknown) => void): Promise<void> {
  // Workers that ask at the same time had better not ask the same.
  const first = running.length === 0 ? 0 : randomInt(running.length);
  let left = slots;
  for (const id of [...running.slice(first), ...running.slice(0, first)].slice(0, LOOKED_AT)) {
    try {
      while (left > 0 && await batches.canShare(id)) {
        await batches.share(id);
        left -= 1;
      }
    } catch (error) {
      couldNot(error);
    }
  }
}
