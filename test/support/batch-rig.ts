/**
 * Runs the merge of one batch over the store in memory, as `mergeChunks` does: with real sessions, a real plan and real records,
 * on a clock that waits for nobody.
 */
import { gzipSync } from 'node:zlib';
import { mergeCursor, type MergeCursor } from '../../src/contracts/cursor.ts';
import { DEFAULT_LIMITS, type Limits } from '../../src/contracts/limits.ts';
import type { MergeSpec } from '../../src/contracts/merge.ts';
import type { PlannedBatch, PlanRest, PlanRow } from '../../src/contracts/plan.ts';
import { chunkRow, failureRecord, type ChunkRow, type FailureRecord } from '../../src/contracts/records.ts';
import { emptyTally } from '../../src/contracts/tally.ts';
import { compareKeys } from '../../src/core/keys.ts';
import { controlPrefix } from '../../src/core/names.ts';
import { createPlanner } from '../../src/core/planner.ts';
import { chunkIndex } from '../../src/pipeline/chunk-index.ts';
import { mergeBatch, startCursor } from '../../src/pipeline/merge-batch.ts';
import type { MergeBatchOptions, MergeBatchResult } from '../../src/pipeline/merge-options.ts';
import { PlanReader } from '../../src/pipeline/plan-reader.ts';
import { batchFolder, RunRecords } from '../../src/pipeline/run-records.ts';
import { Slab, SLOT_BYTES } from '../../src/pipeline/slab.ts';
import { Governor } from '../../src/stores/governor.ts';
import type { ObjectStore } from '../../src/stores/object-store.ts';
import { withRetries } from '../../src/stores/retrying-store.ts';
import { createManualClock } from './manual-clock.ts';
import { createMemoryStore, type MemoryStore, type MemoryStoreOptions } from './memory-store.ts';

export const STAMP = '20260102T030405Z-89abcdef';
export const SOURCE_BUCKET = 'logs';
export const TARGET_BUCKET = 'merged';
const SOURCE_PREFIX = 'in/';
const TARGET_PREFIX = 'out/';

export interface RigOptions {
  /** Stored contents by key relative to the source prefix. */
  readonly sources: ReadonlyMap<string, Buffer>;
  readonly chunk?: MergeSpec['chunk'];
  readonly groupBy?: MergeSpec['groupBy'];
  readonly input?: 'auto' | 'none';
  readonly partBytes?: number;
  /** Of sources whose beginning is merged already, by key as in `sources`. */
  readonly rest?: ReadonlyMap<string, PlanRest>;
  readonly store?: Omit<MemoryStoreOptions, 'buckets'>;
  /** Shared by the calls of several rigs, where that is what is tested. */
  readonly slab?: Slab;
}

export type CallChanges = Partial<Omit<MergeBatchOptions, 'spec' | 'batch' | 'plan' | 'source' | 'target' | 'records'>> & {
  /** The store as this call sees it. */
  readonly connection?: ObjectStore;
};

export interface Rig {
  readonly store: MemoryStore;
  readonly spec: MergeSpec;
  readonly batch: PlannedBatch;
  readonly rows: readonly PlanRow[];
  readonly slab: Slab;
  /** One call. Every cursor goes through JSON and its schema, as on its way to the server. */
  call(from?: MergeCursor | null, changes?: CallChanges): Promise<MergeBatchResult>;
  /** Calls until all is done. */
  finish(from?: MergeCursor | null, changes?: CallChanges): Promise<MergeCursor>;
  /** Chunks by key relative to the target prefix. */
  outputs(): Map<string, Buffer>;
  index(): Promise<ChunkRow[]>;
  failures(): FailureRecord[];
  /** As if an earlier call had met it. */
  addFailure(record: FailureRecord): void;
  sourceKey(relativeKey: string): string;
  chunkKey(group: string, chunk: number): string;
}

/** What the server has to keep of a cursor: at most 1 KiB. */
export function throughJson(cursor: MergeCursor): MergeCursor {
  const text = JSON.stringify(cursor);
  if (text.length > 1024) throw new Error(`a cursor of ${text.length} bytes: ${text}`);
  return mergeCursor.parse(JSON.parse(text));
}

export function createRig(options: RigOptions): Rig {
  const { chunk = { lines: 10 }, groupBy = 'directory', input = 'auto', partBytes = 256, slab = sharedSlab() } = options;
  const store = createMemoryStore({ ...options.store, buckets: [SOURCE_BUCKET, TARGET_BUCKET] });
  const spec: MergeSpec = {
    schema: 'tributary.spec/1', job: 'merge', chunk, groupBy, compression: { input }, partBytes,
    source: { store: 'default', bucket: SOURCE_BUCKET, prefix: SOURCE_PREFIX }, target: { store: 'default', bucket: TARGET_BUCKET, prefix: TARGET_PREFIX },
    extension: 'log', filters: [], modifiedAfter: null, modifiedBefore: null, minBytes: null, maxBytes: null, onError: 'continue', verify: 'size',
    output: {}, dryRun: false, again: false, label: null, limits: DEFAULT_LIMITS,
  };
  const { rows, batch } = plan(store, options, spec);
  const control = { bucket: TARGET_BUCKET, prefix: controlPrefix(TARGET_PREFIX, STAMP) };
  const page = gzipSync(rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  const reader = new PlanReader({ pages: [{ hash: 'page', firstRow: 0, rows: rows.length }] }, () => Promise.resolve(page));
  const limits: Limits = { ...DEFAULT_LIMITS, downloads: 5, uploads: 3 };

  const rig: Rig = {
    store, spec, batch, rows, slab,
    call: async (from = null, { connection = store, ...changes } = {}) => {
      const clock = createManualClock();
      const session = withRetries(connection, { patience: 'forever' }, { clock, governor: new Governor({ clock }), random: () => 0.5 });
      const result = await clock.run(mergeBatch({
        spec, stamp: STAMP, batch, plan: reader, source: session, target: session, createOnce: true, slab, limits, clock, onError: 'continue',
        records: new RunRecords(session.store, control, batchFolder(0, 0)), recovering: false, untilGroup: null, maySplit: false,
        deadline: new AbortController().signal, interrupt: new AbortController().signal,
        ...changes,
        onCheckpoint: (cursor) => { changes.onCheckpoint?.(throughJson(cursor)); },
      }, from === null ? startCursor(emptyTally()) : from));
      return { ...result, cursor: throughJson(result.cursor) };
    },
    finish: async (from = null, changes = {}) => {
      let cursor = from;
      for (let calls = 0; calls < 100; calls += 1) {
        ({ cursor } = await rig.call(cursor, changes));
        if (cursor.done) return cursor;
      }
      throw new Error('a hundred calls did not finish the batch');
    },
    outputs: () => new Map(store.keys(TARGET_BUCKET).filter((key) => !key.startsWith(control.prefix))
      .map((key) => [key.slice(TARGET_PREFIX.length), store.peek(TARGET_BUCKET, key) ?? Buffer.alloc(0)])),
    index: async () => {
      const found: ChunkRow[] = [];
      for await (const row of chunkIndex(store, control, new AbortController().signal)) found.push(chunkRow.parse(row));
      return found;
    },
    failures: () => store.keys(TARGET_BUCKET).filter((key) => key.startsWith(`${control.prefix}failures/`))
      .map((key) => failureRecord.parse(JSON.parse(String(store.peek(TARGET_BUCKET, key))))),
    addFailure: (record) => {
      const file = `${String(record.row).padStart(12, '0')}-${record.keep}.json`;
      store.seed(TARGET_BUCKET, `${control.prefix}failures/${batchFolder(0, 0)}${file}`, JSON.stringify(record));
    },
    sourceKey: (relativeKey) => `${SOURCE_PREFIX}${relativeKey}`,
    chunkKey: (group, number) => `${TARGET_PREFIX}${group}merged-${STAMP}-${String(number).padStart(8, '0')}.log`,
  };
  return rig;
}

/** One batch with every group, planned by the real planner. */
function plan(store: MemoryStore, { sources, rest }: RigOptions, spec: MergeSpec): { rows: PlanRow[]; batch: PlannedBatch } {
  const planner = createPlanner({
    groupBy: spec.groupBy, extension: spec.extension, compressionAuto: spec.compression.input === 'auto',
    batch: { maxObjects: Infinity, maxBytes: Infinity, maxGroups: Infinity },
  });
  const rows = [...sources].sort(([a], [b]) => compareKeys(a, b)).map(([key, bytes]): PlanRow => {
    planner.add(key, bytes.length);
    const from = rest?.get(key);
    return [`${SOURCE_PREFIX}${key}`, bytes.length, store.seed(SOURCE_BUCKET, `${SOURCE_PREFIX}${key}`, bytes), 0, ...(from ? [from] : [])] as PlanRow;
  });
  planner.finish();
  const [batch, ...others] = planner.takeBatches();
  if (!batch || others.length > 0) throw new Error('the sources do not make one batch');
  return { rows, batch };
}

let slabForAll: Slab | undefined;

/** WebAssembly memories are dear: tests that do not look at the budget share one. */
function sharedSlab(): Slab {
  slabForAll ??= new Slab(24 * SLOT_BYTES);
  return slabForAll;
}
