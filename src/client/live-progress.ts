/**
 * Where a run stands at this moment. The root's `progress` query knows what has ended; what its running batches have done is in
 * the heartbeats of their calls, which the server shows without asking a worker.
 */
import type { Client } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import pLimit from 'p-limit';
import { z } from 'zod';
import { tallySchema } from '../contracts/cursor.ts';
import { QUERIES, WORKFLOWS } from '../contracts/names.ts';
import type { BranchProgress, Progress } from '../contracts/progress.ts';
import { addTally, emptyTally, type Tally } from '../contracts/tally.ts';

/** The `progress` answer with running batches counted in. */
export interface LiveProgress extends Progress {
  /** Of sources that are being read: how far into them (decoded bytes where they are compressed). */
  readonly underwayBytes: number;
  /** What a call is tried again for, or what the run waits for, in words. */
  readonly waiting: string | null;
}

type Description = Awaited<ReturnType<ReturnType<Client['workflow']['getHandle']>['describe']>>;
type PendingActivity = NonNullable<Description['raw']['pendingActivities']>[number];

const QUERY_TIMEOUT_MS = 5_000;
const DESCRIBES_AT_ONCE = 16;
/** At most, where children end meanwhile. */
const LOOKS = 3;
/** WORKFLOW_EXECUTION_STATUS_RUNNING. */
const RUNNING = 1;
/** PENDING_ACTIVITY_STATE_SCHEDULED. */
const PENDING_SCHEDULED = 1;
/** A call that has run for so long is over what its last attempt failed with. */
const SETTLED_MS = 10_000;

/** Of the id of a child that has more than one batch (`batchId`). */
const HAS_BATCHES = /\/batch-\d+-\d+-\d+$/;

/** Id of the first call of the first chain: where it is the only one, there was none before it. */
const FIRST_CALL = '0.1';

/** What a part of the tree adds to the root's counts. */
interface Share {
  readonly tally: Tally;
  readonly underwayBytes: number;
  readonly waiting: string | null;
}

const NOTHING: Share = { tally: emptyTally(), underwayBytes: 0, waiting: null };

const add = (a: Share, b: Share): Share => ({
  tally: addTally(a.tally, b.tally), underwayBytes: a.underwayBytes + b.underwayBytes, waiting: a.waiting ?? b.waiting,
});

/** @throws what is thrown where no worker answers within five seconds, the run does not exist, the server is away */
export async function liveProgress(client: Client, id: string): Promise<LiveProgress> {
  for (let look = 1; ; look += 1) {
    const tree = new Tree(client);
    const root = await tree.describe(id);
    const progress = await tree.query<Progress>(id);
    if (progress.state === 'ended') return { ...progress, underwayBytes: 0, waiting: null };
    const share = await tree.sharesBelow(root);
    if (tree.hasChanged && look < LOOKS) continue;
    return { ...progress, tally: addTally(progress.tally, share.tally), underwayBytes: share.underwayBytes, waiting: share.waiting };
  }
}

/**
 * A parent is asked which children run, then what it knows, and then each of the children. One that has ended by its own turn may be in what the
 * parent knows, or not yet: it adds nothing, so that nothing is counted twice, and `hasChanged` says that it is worth another look.
 */
class Tree {
  hasChanged = false;
  readonly #client: Client;
  readonly #limit = pLimit(DESCRIBES_AT_ONCE);

  constructor(client: Client) {
    this.#client = client;
  }

  async describe(id: string): Promise<Description['raw']> {
    return (await this.#ask(() => this.#client.workflow.getHandle(id).describe())).raw;
  }

  query<T>(id: string): Promise<T> {
    return this.#ask(() => this.#client.workflow.getHandle(id).query<T>(QUERIES.progress));
  }

  #ask<T>(call: () => Promise<T>): Promise<T> {
    return this.#limit(() => this.#client.withDeadline(Date.now() + QUERY_TIMEOUT_MS, call));
  }

  /** What the pending calls and children of a workflow add to its own counts. */
  async sharesBelow(parent: Description['raw']): Promise<Share> {
    const calls = (parent.pendingActivities ?? []).map((call): Share => ({ ...NOTHING, waiting: reason(call) }));
    const children = await Promise.all((parent.pendingChildren ?? []).map(async ({ workflowId, workflowTypeName }) => {
      const isPage = workflowTypeName === WORKFLOWS.mergePage;
      if (!isPage && workflowTypeName !== WORKFLOWS.mergePrefix) return NOTHING;
      const id = workflowId ?? '';
      const child = await this.describe(id);
      if ((child.workflowExecutionInfo?.status ?? RUNNING) === RUNNING) return isPage ? this.#page(id, child) : this.#batch(id, child);
      this.hasChanged = true;
      return NOTHING;
    }));
    return [...calls, ...children].reduce(add, NOTHING);
  }

  async #page(id: string, page: Description['raw']): Promise<Share> {
    const { tally } = await this.#branch(id);
    const below = await this.sharesBelow(page);
    return { ...below, tally: addTally(tally, below.tally) };
  }

  /** A child may run several calls, each of a chain of them; what those before did, only its workflow knows where it is not in a heartbeat. */
  async #batch(id: string, child: Description['raw']): Promise<Share> {
    const calls = child.pendingActivities ?? [];
    const heard = calls.map((call) => ({ chain: Number.parseInt(call.activityId ?? '', 10), cursor: heartbeat(call) })).filter((one): one is Heard => one.cursor !== undefined);
    const isFirstCall = heard.length === 1 && calls[0]?.activityId === FIRST_CALL && !HAS_BATCHES.test(id);
    const { chains = [] } = isFirstCall ? {} : await this.#branch(id);
    const tallies = new Map(chains.entries());
    for (const { chain, cursor } of heard) tallies.set(chain, further(tallies.get(chain), reached(cursor)));
    return {
      tally: [...tallies.values()].reduce(addTally, emptyTally()),
      underwayBytes: heard.reduce((sum, { cursor: { open, low } }) => sum + (open.at(-1)?.at ?? low).offset, 0),
      waiting: calls.map(reason).find((one) => one !== null) ?? null,
    };
  }

  /** A branch whose worker is away adds nothing: the next look will tell. */
  #branch(id: string): Promise<Pick<BranchProgress, 'tally' | 'chains'>> {
    return this.query<BranchProgress>(id).catch(() => ({ tally: emptyTally() }));
  }
}

/** What is read of a cursor: no more than is shown, so that a worker of another version can be watched too. */
const offset = z.object({ offset: z.number() });
const amount = z.array(z.number()).min(2);
const shownCursor = z.object({
  low: offset, tally: tallySchema,
  open: z.array(z.object({ at: offset, lines: z.number(), ended: z.object({ done: amount, partial: amount, failed: amount }) })),
});
type ShownCursor = z.infer<typeof shownCursor>;

interface Heard { readonly chain: number; readonly cursor: ShownCursor }

/** What a chain has done: its workflow and its heartbeats were asked one after the other, in which it went on. */
function further(known: Tally | undefined, beaten: Tally): Tally {
  return known && (known.lines > beaten.lines || known.doneObjects > beaten.doneObjects) ? known : beaten;
}

function heartbeat(call: PendingActivity): ShownCursor | undefined {
  const [payload] = call.heartbeatDetails?.payloads ?? [];
  return payload === undefined ? undefined : shownCursor.safeParse(defaultPayloadConverter.fromPayload(payload)).data;
}

/** The counts at the furthest position of a call, chunks that are not published yet included but for their number. */
function reached({ tally, open }: ShownCursor): Tally {
  return open.reduce((sum, { lines, ended: { done, partial, failed } }) => {
    const [[doneObjects = 0, doneBytes = 0], [partialObjects = 0, partialBytes = 0], [failedObjects = 0, failedBytes = 0]] = [done, partial, failed];
    return addTally(sum, { ...emptyTally(), lines, doneObjects, doneBytes, partialObjects, partialBytes, failedObjects, failedBytes });
  }, tally);
}

/** Why a call is tried again, while it waits for that and in its first seconds; null where it goes on. */
function reason({ attempt, lastFailure, activityType, state, lastStartedTime }: PendingActivity): string | null {
  if (lastFailure?.message === undefined || lastFailure.message === null || lastFailure.message === '') return null;
  // A worker that stops hands its calls over: that is no trouble.
  if (lastFailure.applicationFailureInfo?.type === 'WorkerShutdown') return null;
  if (Number(state) !== PENDING_SCHEDULED && Date.now() - Number(lastStartedTime?.seconds ?? 0) * 1000 > SETTLED_MS) return null;
  const innermost = (failure: typeof lastFailure): string => (failure.cause ? innermost(failure.cause) : (failure.message ?? ''));
  return `${innermost(lastFailure)} (${activityType?.name ?? 'call'}, attempt ${attempt ?? 1})`;
}
