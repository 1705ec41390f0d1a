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

/** @throws what the query throws: no worker answers within five seconds, the run does not exist, the server is away */
export async function liveProgress(client: Client, id: string): Promise<LiveProgress> {
  const root = client.workflow.getHandle(id);
  // In this order a child that ends in between is left out, and never counted twice. Then it is looked again.
  for (let look = 1; ; look += 1) {
    const progress = await client.withDeadline(Date.now() + QUERY_TIMEOUT_MS, () => root.query<Progress>(QUERIES.progress));
    if (progress.state === 'ended') return { ...progress, underwayBytes: 0, waiting: null };
    const tree = new Tree(client);
    const share = await tree.walk(id);
    if (tree.hasChanged && look < LOOKS) continue;
    return { ...progress, tally: addTally(progress.tally, share.tally), underwayBytes: share.underwayBytes, waiting: share.waiting };
  }
}

class Tree {
  /** Whether a child has ended since its parent was asked. */
  hasChanged = false;
  readonly #client: Client;
  readonly #limit = pLimit(DESCRIBES_AT_ONCE);

  constructor(client: Client) {
    this.#client = client;
  }

  /** What the pending calls and children of a workflow add to its own counts. */
  async walk(id: string): Promise<Share> {
    const { raw } = await this.#limit(async () => this.#client.workflow.getHandle(id).describe());
    const calls = (raw.pendingActivities ?? []).map((call): Share => ({ ...NOTHING, waiting: reason(call) }));
    const children = await Promise.all((raw.pendingChildren ?? []).map(async ({ workflowId, workflowTypeName }) => {
      if (workflowTypeName === WORKFLOWS.mergePage) return this.#page(workflowId ?? '');
      return workflowTypeName === WORKFLOWS.mergePrefix ? this.#batch(workflowId ?? '') : NOTHING;
    }));
    return [...calls, ...children].reduce(add, NOTHING);
  }

  async #page(id: string): Promise<Share> {
    const { tally } = await this.#branch(id);
    const below = await this.walk(id);
    return { ...below, tally: addTally(tally, below.tally) };
  }

  /** A child may run several calls, each of a chain of them; what those before did, only its workflow knows where it is not in a heartbeat. */
  async #batch(id: string): Promise<Share> {
    const { raw } = await this.#limit(async () => this.#client.workflow.getHandle(id).describe());
    this.hasChanged ||= (raw.workflowExecutionInfo?.status ?? RUNNING) !== RUNNING;
    const calls = raw.pendingActivities ?? [];
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

  /** A branch that has ended in between, or whose worker is away, adds nothing: the next look will tell. */
  async #branch(id: string): Promise<Pick<BranchProgress, 'tally' | 'chains'>> {
    return this.#limit(async () => this.#client.withDeadline(Date.now() + QUERY_TIMEOUT_MS, () =>
      this.#client.workflow.getHandle(id).query<BranchProgress>(QUERIES.progress))).catch(() => ({ tally: emptyTally() }));
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
