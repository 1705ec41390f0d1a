/**
 * `mergePrefix`: merges a batch, or a few of them beside each other, call after call, each from the cursor of the one before. Where a group
 * holds up those behind it, they go on in a chain of calls of their own: one slow group must not hold up the others.
 */
import { ApplicationFailure, CancellationScope, continueAsNew, setHandler, workflowInfo } from '@temporalio/workflow';
import type { RunRef } from '../contracts/activities.ts';
import type { MergeCursor } from '../contracts/cursor.ts';
import type { Limits } from '../contracts/limits.ts';
import type { BranchProgress } from '../contracts/progress.ts';
import { addTally, emptyTally, type Tally } from '../contracts/tally.ts';
import { splitCursor } from '../core/split-cursor.ts';
import { Control } from './control.ts';
import { asFailure, rootCause } from './failures.ts';
import { branchProgressQuery } from './messages.ts';
import { callsWith } from './proxies.ts';

/** Chains of one batch at the same time. A batch with more slow groups waits for them. */
const MAX_CHAINS = 8;

/** Neighbouring groups of a batch, merged one after another. */
export interface Chain {
  /** Of the page. */
  readonly batch: number;
  /** What the batch is, for people. */
  readonly summary: string;
  /** Where it goes on; null at the batch's start. */
  readonly cursor: MergeCursor | null;
  readonly untilGroup: number | null;
  /** Whether its last call died, so that uploads may be left which the cursor does not name. */
  readonly recovering: boolean;
  /** Calls so far, those of the runs of this workflow before this one too. */
  readonly calls: number;
}

export interface MergePrefixInput {
  readonly run: RunRef;
  readonly planHash: string;
  readonly page: number;
  readonly limits: Limits;
  readonly onError: 'continue' | 'stop';
  readonly heartbeatTimeoutMs: number;
  /** Where a run of this workflow before this one had come to. */
  readonly chains: readonly Chain[];
}

export function wholeBatch(batch: number, summary: string): Chain {
  return { batch, summary, cursor: null, untilGroup: null, recovering: false, calls: 0 };
}

export async function mergePrefix(input: MergePrefixInput): Promise<Tally> {
  const control = new Control(input.limits);
  const chains = [...input.chains];
  const tally = (): Tally => tallyOf(chains);
  const isDone = (): boolean => chains.every(isOver);
  setHandler(branchProgressQuery, () => ({ tally: tally(), chains: chains.map((chain) => tallyOf([chain])), state: control.state, batches: batchesOf(chains, control.paused) }));
  return CancellationScope.nonCancellable(async () => {
    try {
      await runChains(control, input, chains);
    } catch (error) {
      throw asFailure(error, tally());
    }
    // Not while the run is paused: the new one would not know of it.
    if (!isDone() && await control.mayGoOn()) await continueAsNew<typeof mergePrefix>({ ...input, limits: control.limits, chains });
    return tally();
  });
}

function tallyOf(chains: readonly Chain[]): Tally {
  return chains.reduce((sum, { cursor }) => (cursor ? addTally(sum, cursor.tally) : sum), emptyTally());
}

function isOver({ cursor }: Chain): boolean {
  return cursor?.done === true;
}

function batchesOf(chains: readonly Chain[], paused: boolean): BranchProgress['batches'] {
  const all = [...Map.groupBy(chains, ({ batch }) => batch).values()];
  const done = all.filter((ofBatch) => ofBatch.every(isOver)).length;
  return { total: all.length, done, running: paused ? 0 : all.length - done };
}

/** Runs until every chain is done, the run is cancelled, or history asks for a new run. @throws the first failure, after all have ended */
async function runChains(control: Control, input: MergePrefixInput, chains: Chain[]): Promise<void> {
  const running: Promise<void>[] = [];
  let failure: { readonly error: unknown } | null = null;
  const start = (index: number): void => {
    running.push(runChain(control, input, chains, index, start).catch((error: unknown) => {
      failure ??= { error };
      control.cancel();
    }));
  };
  for (const index of chains.keys()) start(index);
  for (let index = 0; index < running.length; index += 1) await running[index];
  rethrow(failure);
}

async function runChain(control: Control, input: MergePrefixInput, chains: Chain[], index: number, start: (index: number) => void): Promise<void> {
  while (await control.mayGoOn() && !workflowInfo().continueAsNewSuggested) {
    const chain = chains[index];
    if (!chain || isOver(chain)) return;
    const { batch, summary, cursor, untilGroup, recovering } = chain;
    const call = chain.calls + 1;
    const { run, planHash, page, onError } = input;
    const data = callsWith(input.heartbeatTimeoutMs).moving({ id: `${index}.${call}`, summary: call === 1 ? summary : `${summary}, call ${call}` });
    const maySplit = chains.filter((other) => other.batch === batch).length < MAX_CHAINS;
    const request = { run, planHash, page, batch, cursor, limits: control.limits, onError, recovering, untilGroup, maySplit };
    const result = await control.interruptible(() => data.mergeChunks(request), lastHeartbeat).catch((error: unknown) => {
      chains[index] = { ...chain, cursor: cursorOfFailure(error) ?? cursor, recovering: true, calls: call };
      throw error;
    });
    const reached = { ...chain, cursor: result?.cursor ?? cursor, recovering: result === null || 'lost' in result, calls: call };
    const stalledAt = result?.stalledAtGroup ?? null;
    if (result === null || stalledAt === null) {
      chains[index] = reached;
      continue;
    }
    const { upTo, behind } = splitCursor(result.cursor, stalledAt);
    chains[index] = { ...reached, cursor: upTo, untilGroup: stalledAt + 1 };
    chains.push({ ...wholeBatch(batch, summary), cursor: behind, untilGroup, recovering });
    start(chains.length - 1);
  }
  // The new run begins when all chains have stopped: none of them waits for the slow call of another.
  if (workflowInfo().continueAsNewSuggested) control.interruptCalls();
}

/** How far a call came that failed, as it says after the facts of its error. */
function cursorOfFailure(error: unknown): MergeCursor | null {
  const cause = rootCause(error);
  const reached: unknown = cause instanceof ApplicationFailure ? cause.details?.[1] : undefined;
  return isCursor(reached) ? reached : null;
}

/** A call that died leaves the cursor of its last heartbeat, and perhaps uploads that began after it. */
function lastHeartbeat(details: unknown): { readonly cursor: MergeCursor; readonly stalledAtGroup: null; readonly lost: true } | null {
  return isCursor(details) ? { cursor: details, stalledAtGroup: null, lost: true } : null;
}

function isCursor(value: unknown): value is MergeCursor {
  return typeof value === 'object' && value !== null && 'low' in value && 'tally' in value;
}

function rethrow(failure: { readonly error: unknown } | null): void {
  if (failure) throw failure.error;
}
