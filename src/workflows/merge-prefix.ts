/**
 * `mergePrefix`: merges a batch, or a few of them beside each other, call after call, each from the cursor of the one before. Where a group
 * holds up those behind it, they go on in a chain of calls of their own: one slow group must not hold up the others. And where a worker has
 * nothing to do, a call shares what it has left.
 */
import { ApplicationFailure, CancellationScope, continueAsNew, setHandler, workflowInfo } from '@temporalio/workflow';
import type { RunRef } from '../contracts/activities.ts';
import type { MergeCursor } from '../contracts/cursor.ts';
import type { Limits } from '../contracts/limits.ts';
import type { Tally } from '../contracts/tally.ts';
import { splitCursor } from '../core/split-cursor.ts';
import { batchesOf, isOver, mayDivide, tallyOf, type Chain } from './chains.ts';
import { Control } from './control.ts';
import { asFailure, rootCause } from './failures.ts';
import { branchProgressQuery } from './messages.ts';
import { callsWith } from './proxies.ts';
import { Sharing } from './sharing.ts';

export interface MergePrefixInput {
  readonly run: RunRef;
  readonly planHash: string;
  readonly page: number;
  readonly limits: Limits;
  readonly onError: 'continue' | 'stop';
  readonly heartbeatTimeoutMs: number;
  /** Batches of the page, those of this workflow among them. */
  readonly batchesOfPage: number;
  /** Where a run of this workflow before this one had come to. */
  readonly chains: readonly Chain[];
}

export async function mergePrefix(input: MergePrefixInput): Promise<Tally> {
  const control = new Control(input.limits);
  const chains = [...input.chains];
  const own = batchesOf(chains, false).total;
  const sharing = new Sharing(control, chains, () => Math.floor(control.limits.parallelGroups * own / input.batchesOfPage));
  const tally = (): Tally => tallyOf(chains);
  const isDone = (): boolean => chains.every(isOver);
  setHandler(branchProgressQuery, () => ({ tally: tally(), chains: chains.map((chain) => tallyOf([chain])), state: control.state, batches: batchesOf(chains, control.paused), canShare: sharing.canShare }));
  return CancellationScope.nonCancellable(async () => {
    try {
      await runChains(control, sharing, input, chains);
    } catch (error) {
      throw asFailure(error, tally());
    }
    // Not while the run is paused: the new one would not know of it.
    if (!isDone() && await control.mayGoOn()) await continueAsNew<typeof mergePrefix>({ ...input, limits: control.limits, chains });
    return tally();
  });
}

/** Runs until every chain is done, the run is cancelled, or history asks for a new run. @throws the first failure, after all have ended */
async function runChains(control: Control, sharing: Sharing, input: MergePrefixInput, chains: Chain[]): Promise<void> {
  const running: Promise<void>[] = [];
  let failure: { readonly error: unknown } | null = null;
  const start = (index: number): void => {
    running.push(runChain(control, sharing, input, chains, index, start).catch((error: unknown) => {
      failure ??= { error };
      control.cancel();
    }));
  };
  for (const index of chains.keys()) start(index);
  for (let index = 0; index < running.length; index += 1) await running[index];
  rethrow(failure);
}

async function runChain(control: Control, sharing: Sharing, input: MergePrefixInput, chains: Chain[], index: number, start: (index: number) => void): Promise<void> {
  while (await control.mayGoOn() && !workflowInfo().continueAsNewSuggested) {
    const chain = chains[index];
    if (!chain || isOver(chain)) return;
    const { batch, summary, groups, cursor, untilGroup, recovering } = chain;
    const call = chain.calls + 1;
    const { run, planHash, page, onError } = input;
    const data = callsWith(input.heartbeatTimeoutMs).moving({ id: `${index}.${call}`, summary: call === 1 ? summary : `${summary}, call ${call}` });
    const request = { run, planHash, page, batch, cursor, limits: control.limits, onError, recovering, untilGroup, maySplit: mayDivide(chains, chain) };
    const result = await control.interruptible(() => data.mergeChunks(request), lastHeartbeat, index).catch((error: unknown) => {
      chains[index] = { ...chain, cursor: cursorOfFailure(error) ?? cursor, recovering: true, calls: call };
      throw error;
    });
    // Until the chain is over: a call that was interrupted may not have looked for them.
    const reached = { ...chain, cursor: result?.cursor ?? cursor, recovering: recovering || result === null || 'lost' in result, calls: call };
    const halfway = sharing.answered(index, result === null ? null : result.halfwayGroup);
    const last = result?.stalledAtGroup ?? halfway;
    if (result === null || last === null) {
      chains[index] = reached;
      continue;
    }
    const { upTo, behind } = splitCursor(result.cursor, last);
    // Of a call that shares both halves were read from, and the cursor need not name every upload of either.
    const leaves = result.stalledAtGroup === null;
    chains[index] = { ...reached, cursor: upTo, untilGroup: last + 1, recovering: reached.recovering || leaves };
    chains.push({ batch, summary, groups, cursor: behind, untilGroup, recovering: recovering || leaves, calls: 0 });
    if (leaves) sharing.halved(index, chains.length - 1);
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
function lastHeartbeat(details: unknown): { readonly cursor: MergeCursor; readonly stalledAtGroup: null; readonly halfwayGroup: null; readonly lost: true } | null {
  return isCursor(details) ? { cursor: details, stalledAtGroup: null, halfwayGroup: null, lost: true } : null;
}

function isCursor(value: unknown): value is MergeCursor {
  return typeof value === 'object' && value !== null && 'low' in value && 'tally' in value;
}

function rethrow(failure: { readonly error: unknown } | null): void {
  if (failure) throw failure.error;
}
