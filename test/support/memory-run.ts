/** Runs a merge through the real activities over a memory store: everything but Temporal and the network. */
import type { Client } from '@temporalio/client';
import type { Logger } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { createActivities } from '../../src/activities/index.ts';
import type { MergeChunksInput, RunRef, VerifyPageResult } from '../../src/contracts/activities.ts';
import type { MergeCursor } from '../../src/contracts/cursor.ts';
import type { MergeInput } from '../../src/contracts/merge.ts';
import { MEMO } from '../../src/contracts/names.ts';
import type { VerifyReport } from '../../src/contracts/report.ts';
import { addTally, emptyTally, type Tally } from '../../src/contracts/tally.ts';
import { isControlKey, makeStamp } from '../../src/core/names.ts';
import { Slab } from '../../src/pipeline/slab.ts';
import { createRegistry } from '../../src/stores/create-registry.ts';
import { createMemoryStore, type MemoryStore } from './memory-store.ts';

export const SOURCE_BUCKET = 'source-bucket';
export const TARGET_BUCKET = 'target-bucket';

export interface MemoryRun {
  readonly store: MemoryStore;
  readonly stamp: string;
  readonly tally: Tally;
  /** Objects under the target, control data aside, by key. */
  readonly chunks: ReadonlyMap<string, Buffer>;
  /** Compares the target with the chunk index. */
  verify(mode: 'size' | 'content', environment?: MockActivityEnvironment): Promise<VerifyReport>;
  /** The same as the run itself does it, by content: one call. */
  verifyPage(alreadyRead: number, environment: MockActivityEnvironment): Promise<VerifyPageResult>;
}

const quiet: Logger = { log: () => undefined, trace: () => undefined, debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

/** No server is asked: a run of these tests has no search attributes, no lease and no plan of another run. */
const noServer = {
  options: { namespace: 'default' }, connection: { operatorService: { listSearchAttributes: async () => ({ customAttributes: {} }) } },
  workflowService: { describeNamespace: async () => ({ namespaceInfo: { id: 'namespace-id' } }) },
};

/** @param afterPlan what happens to the store between PLAN and WRITE */
export async function runInMemory(
  sources: ReadonlyMap<string, Buffer>, input: Omit<MergeInput, 'source' | 'target'>, afterPlan: (store: MemoryStore) => void = () => undefined,
): Promise<MemoryRun> {
  const store = createMemoryStore({ buckets: [SOURCE_BUCKET, TARGET_BUCKET] });
  for (const [key, bytes] of sources) store.seed(SOURCE_BUCKET, key, bytes);
  let run: RunRef | null = null;
  const workflow = { getHandle: () => ({ describe: async () => ({ status: { name: 'COMPLETED' }, memo: { [MEMO.run]: run } }) }) };
  const { control, data } = createActivities({
    stores: createRegistry({ default: { adapter: 'sdk', createOnce: 'probe' } }, { connect: () => store }),
    slab: new Slab(128 * 2 ** 20), temporal: { ...noServer, workflow } as unknown as Client, log: quiet, metrics: { add: () => undefined, set: () => undefined }, identity: 'this', heartbeatTimeoutMs: 30_000,
  });
  const call = <I, R>(activity: (input: I) => Promise<R>, argument: I): Promise<R> => new MockActivityEnvironment({ attempt: 1 }).run(activity, argument);
  const startedMs = Date.UTC(2026, 0, 2, 3, 4, 5);
  const stamp = makeStamp(startedMs, '01890000-0000-7000-8000-0000deadbeef');
  const raw: MergeInput = { ...input, source: `s3://${SOURCE_BUCKET}/`, target: `s3://${TARGET_BUCKET}/` };
  const resolved = await call(control.resolveSpec, { identity: { id: 'run', stamp, startedMs }, raw });
  const checked = await call(control.checkAccess, { run: resolved.run, spec: resolved.spec });
  run = checked;
  let page = await call(control.planPage, { run: checked, segment: null, limits: resolved.limits });
  while (!page.plan) page = await call(control.planPage, { run: checked, segment: page.segment, limits: resolved.limits });
  const { planHash, workPages } = page.plan;
  afterPlan(store);
  let tally = emptyTally();
  for (const [at, batches] of workPages.entries()) {
    for (let batch = 0; batch < batches; batch += 1) {
      let cursor: MergeCursor | null = null;
      while (!cursor?.done) {
        const request: MergeChunksInput = { run: checked, planHash, page: at, batch, cursor, limits: resolved.limits, onError: resolved.onError, recovering: false, untilGroup: null, maySplit: false };
        cursor = (await call(data.mergeChunks, request)).cursor;
      }
      tally = addTally(tally, cursor.tally);
    }
  }
  const chunks = new Map<string, Buffer>();
  for (const key of store.keys(TARGET_BUCKET)) if (!isControlKey(key)) chunks.set(key, store.peek(TARGET_BUCKET, key) ?? Buffer.alloc(0));
  return {
    store, stamp, tally, chunks,
    verify: (mode, environment = new MockActivityEnvironment({ attempt: 1 })) => environment.run(control.verifyAll, { run: checked.id, mode }),
    verifyPage: (alreadyRead, environment) => environment.run(control.verifyPage, { run: checked, mode: 'content' as const, limits: resolved.limits, alreadyRead }),
  };
}
