/** `verifyPage`: the VERIFY phase of a run; and `verifyAll`: the same of a finished run, for `tributary verify`. */
import { Context } from '@temporalio/activity';
import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import type { ControlActivities, RunRef, VerifyPageProgress } from '../contracts/activities.ts';
import { TributaryError } from '../contracts/errors.ts';
import { ENDED_STATUSES, MEMO } from '../contracts/names.ts';
import type { PlanRow } from '../contracts/plan.ts';
import { addRequests, emptyTally, type Requests } from '../contracts/tally.ts';
import { heldFailures } from '../pipeline/held-failures.ts';
import { verifyChunks, type Verified, type VerifyOptions } from '../pipeline/verify-chunks.ts';
import { verifySources } from '../pipeline/verify-sources.ts';
import type { StoreSession } from '../stores/registry.ts';
import { boundary } from './boundary.ts';
import type { ActivityDeps } from './deps.ts';
import { FindingList } from './finding-list.ts';
import { sourceSelection } from './own-output.ts';
import { reportOf, retryChain } from './retries.ts';
import type { RunArtefacts } from './run-artefacts.ts';
import type { RunShares } from './run-shares.ts';

type ReadPart = Pick<VerifyOptions, 'alreadyRead' | 'onWhole'>;

/**
 * How many chunks were read, of all runs that are looked at one after another: what the next attempt goes on behind. It stands still at the
 * first that is not whole, which the next attempt has to find again.
 */
class ReadChunks {
  #count: number;

  /** @param count how many were read before */
  constructor(count: number) {
    this.#count = count;
  }

  get count(): number {
    return this.#count;
  }

  /** @param chunks those of the runs before */
  from(chunks: number): ReadPart {
    return { alreadyRead: Math.max(0, this.#count - chunks), onWhole: (nth) => { if (chunks + nth === this.#count + 1) this.#count += 1; } };
  }
}

export function createVerifyPage(artefacts: RunArtefacts, shares: RunShares): ControlActivities['verifyPage'] {
  return ({ run, mode, limits, alreadyRead = 0 }) => {
    shares.limit(run.id, limits);
    const told: unknown = Context.current().info.heartbeatDetails;
    const before: VerifyPageProgress = isProgress(told) ? told : { read: alreadyRead, requests: emptyTally().requests };
    const read = new ReadChunks(before.read);
    let session: StoreSession | null = null;
    const requests = (): Requests => (session ? addRequests(before.requests, session.requests) : before.requests);
    return boundary(async (signal) => {
      session = artefacts.targetSession(run);
      const { differences } = await verifyWith(artefacts, session, run, mode, signal, read.from(0));
      return { differences, requests: requests() };
    }, { checkpoint: (): VerifyPageProgress => ({ read: read.count, requests: requests() }) });
  };
}

function isProgress(told: unknown): told is VerifyPageProgress {
  return typeof told === 'object' && told !== null && 'read' in told && 'requests' in told;
}

export function createVerifyAll(deps: ActivityDeps, artefacts: RunArtefacts): ControlActivities['verifyAll'] {
  return ({ run: id, mode, sources = false }) => {
    const told: unknown = Context.current().info.heartbeatDetails;
    const read = new ReadChunks(typeof told === 'number' ? told : 0);
    return boundary(async (signal) => {
      // Nobody would wait for the end of a run without knowing it.
      const run = await boundary(() => findRun(deps.temporal, id), { failFast: true });
      const session = artefacts.targetSession(run);
      const { target } = await artefacts.spec(run, signal);
      const runs = sources ? [run, ...await retryChain(session.store, run, target, signal)] : [run];
      let chunks = 0;
      const findings = new FindingList();
      for (const one of runs) {
        await refuseSwept(session, one, signal);
        const verified = await verifyWith(artefacts, session, one, mode, signal, read.from(chunks));
        chunks += verified.chunks;
        for (const finding of verified.findings) findings.add(finding);
        findings.omit(verified.differences - verified.findings.length);
      }
      const compared = sources ? { sources: await compareSources(deps, artefacts, runs, findings, signal) } : {};
      return { schema: 'tributary.verify/1', run: id, mode, chunks, ...compared, differences: findings.listed, omitted: findings.omitted };
    }, { checkpoint: () => read.count });
  };
}

/** @throws TRB-RUN-SWEPT where there is nothing left to compare with */
async function refuseSwept({ store }: StoreSession, { id, control: { bucket, prefix } }: RunRef, signal: AbortSignal): Promise<void> {
  if (!await store.head({ bucket, key: `${prefix}swept.json` }, { signal })) return;
  throw new TributaryError('TRB-RUN-SWEPT', `the control data of the run ${id} was swept: there is nothing left to compare its chunks with`, { run: id });
}

async function verifyWith(artefacts: RunArtefacts, session: StoreSession, run: RunRef, mode: 'size' | 'content', signal: AbortSignal, read: ReadPart): Promise<Verified> {
  const spec = await artefacts.spec(run, signal);
  return verifyChunks({ store: session.store, spec, stamp: run.stamp, control: run.control, mode, signal, ...read });
}

/**
 * @param runs a run, and the retries after it: the last of them knows what was not merged
 * @returns how many sources were compared
 */
async function compareSources(
  { stores }: ActivityDeps, artefacts: RunArtefacts, runs: readonly RunRef[], findings: FindingList, signal: AbortSignal,
): Promise<number> {
  const [run] = runs;
  const last = runs.at(-1);
  if (!run || !last) return 0;
  const spec = await artefacts.spec(run, signal);
  const { store } = stores.session(spec.source.store, { patience: 'forever' });
  const records = await heldFailures(artefacts.targetSession(last).store, spec, last.control, signal);
  const retried = new Map<string, PlanRow>();
  for (const retry of runs.slice(1)) for await (const row of plannedRows(artefacts, retry, signal)) retried.set(row[0], row);
  const reasonToSkip = sourceSelection(store, spec, run.stamp);
  let sources = 0;
  const differing = verifySources({
    store, source: spec.source, planned: plannedRows(artefacts, run, signal), retried, signal,
    failures: new Map(records.map((record) => [record.uri, record])),
    isSource: async (object) => await reasonToSkip(object, signal) === null,
    onProgress: (count) => { sources = count; },
  });
  for await (const finding of differing) findings.add(finding);
  return sources;
}

/** Every row of the plan that a run has completed. */
async function* plannedRows(artefacts: RunArtefacts, run: RunRef, signal: AbortSignal): AsyncGenerator<PlanRow> {
  const { bucket, prefix } = run.control;
  const planHash = (await reportOf(artefacts.targetSession(run).store, bucket, prefix, signal))?.run.planHash ?? null;
  if (planHash === null) throw new TributaryError('TRB-INVALID-INPUT', `the run ${run.id} left no report, so that its sources cannot be compared`, { run: run.id });
  const { plan, reader } = await artefacts.plan(run, planHash, signal);
  for await (const rows of reader.rows(0, plan.totals.sources)) for (const { source } of rows) yield source;
}

/** The run of this id, by the memo that it left. @throws TRB-RUN-NOT-FOUND, TRB-RUN-OPEN; TRB-INVALID-INPUT where it wrote nothing */
async function findRun(temporal: Client, id: string): Promise<RunRef> {
  try {
    const { memo, status } = await temporal.workflow.getHandle(id).describe();
    // Chunks that are not in the index yet would be differences.
    if (!ENDED_STATUSES.has(status.name)) throw new TributaryError('TRB-RUN-OPEN', `the run ${id} has not ended yet: it can be verified when it has`, { run: id });
    const run = memo?.[MEMO.run] as RunRef | undefined;
    if (run) return run;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) throw new TributaryError('TRB-RUN-NOT-FOUND', `there is no run ${id}`, { run: id });
    throw error;
  }
  throw new TributaryError('TRB-INVALID-INPUT', `the run ${id} wrote nothing that could be verified`, { run: id });
}
