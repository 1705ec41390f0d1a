import { gzipSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import type { RunRef } from '../../../src/contracts/activities.ts';
import type { MergeSpec } from '../../../src/contracts/merge.ts';
import type { PlannedBatch, PlanRow, SealedPlan } from '../../../src/contracts/plan.ts';
import { planPrefix, RunArtefacts, specHash, specText, type OpenedPlan } from '../../../src/activities/run-artefacts.ts';
import type { RunShares } from '../../../src/activities/run-shares.ts';
import { Allowance } from '../../../src/stores/allowance.ts';
import { contentHash, putArtefact } from '../../../src/stores/artefacts.ts';
import { createRegistry } from '../../../src/stores/create-registry.ts';
import { createGate } from '../../support/gate.ts';
import { createManualClock } from '../../support/manual-clock.ts';
import { createMemoryStore, type MemoryStore } from '../../support/memory-store.ts';

const place = { store: 'default', bucket: 'merged', prefix: 'app/' };
const mergeInto = (store: string): MergeSpec => ({ source: { ...place, bucket: 'logs' }, target: { ...place, store }, limits: {} }) as unknown as MergeSpec;
const ROWS: readonly PlanRow[] = [['app/a.log', 3, '"a"', 1], ['app/b.log', 4, '"b"', 2]];

/** Writes what PLAN leaves of a run: every run of the same merge has the same hashes, and every run of the same sources the same pages. */
async function planned(store: MemoryStore, stamp: string, spec = mergeInto('default'), files: readonly (readonly PlannedBatch[])[] = []): Promise<{ readonly run: RunRef; readonly planHash: string }> {
  const run: RunRef = {
    id: `run-${stamp}`, stamp, startedMs: 1, specHash: specHash(spec), planStamp: stamp, createOnce: true,
    control: { store: spec.target.store, bucket: 'merged', prefix: `app/_tributary/runs/${stamp}/` },
  };
  const put = async (name: string, bytes: Buffer): Promise<void> => putArtefact(store, { bucket: 'merged', key: `${planPrefix(spec, run)}${name}` }, bytes);
  const page = gzipSync(ROWS.map((row) => `${JSON.stringify(row)}\n`).join(''));
  const texts = files.map((batches) => Buffer.from(batches.map((batch) => `${JSON.stringify(batch)}\n`).join('')));
  for (const text of texts) await put(`batches/${contentHash(text)}.ndjson`, text);
  const batchFiles = texts.map((text, at) => ({ hash: contentHash(text), batches: files[at]?.length ?? 0, groups: 1, objects: 1, bytes: 1 }));
  const totals = { objects: 2, bytes: 7, sources: 2, sourceBytes: 7, groups: 1, batches: 1, skipped: {}, listRequests: 1 };
  const plan: SealedPlan = {
    schema: 'tributary.plan-index/1', specHash: run.specHash, pages: [{ hash: contentHash(page), firstRow: 0, rows: 2 }], batchFiles, workPages: files.length === 0 ? [] : [[0, 2], [2, files.length]], totals,
  };
  const text = Buffer.from(JSON.stringify(plan));
  await put('spec.json', Buffer.from(specText(spec)));
  await put(`plan/${contentHash(page)}.ndjson.gz`, page);
  await put(`plan/${contentHash(text)}.plan.json`, text);
  return { run, planHash: contentHash(text) };
}

function artefactsOf(storesByName: Readonly<Record<string, MemoryStore>>): RunArtefacts {
  const clock = createManualClock();
  const configs = Object.fromEntries(Object.keys(storesByName).map((name) => [name, { adapter: 'sdk', createOnce: 'yes' } as const]));
  const stores = createRegistry(configs, { connect: (name) => storesByName[name] ?? createMemoryStore(), clock });
  return new RunArtefacts(stores, { allowanceOf: () => new Allowance(clock), begin: () => undefined } as unknown as RunShares);
}

async function rowsOf({ reader }: OpenedPlan): Promise<PlanRow[]> {
  const rows: PlanRow[] = [];
  for await (const block of reader.rows(0, ROWS.length)) rows.push(...block.map(({ source }) => source));
  return rows;
}

describe('the artefacts of runs', () => {
  it('hold one batch of a page by itself as among all of it, whichever file of the page it is in', async () => {
    const batch = (dir: string): PlannedBatch => ({ objects: 1, bytes: 1, groups: [dir, `${dir}x/`].map((name) => ({ dir: name, objects: 1, bytes: 1, ranges: [[0, 1]], ext: 'log' })) });
    const store = createMemoryStore({ buckets: ['merged'] });
    const { run, planHash } = await planned(store, '20260102T030405Z-00000001', mergeInto('default'), [[batch('a/'), batch('b/')], [batch('c/')], [batch('d/'), batch('e/')]]);
    const artefacts = artefactsOf({ default: store });
    const { signal } = new AbortController();
    for (const [page, dirs] of [['a/', 'b/', 'c/'], ['d/', 'e/']].entries()) {
      expect(await artefacts.batches(run, planHash, page, signal)).toEqual(dirs.map(batch));
      for (const [index, dir] of dirs.entries()) expect(await artefacts.batch(run, planHash, page, index, signal)).toEqual(batch(dir));
      await expect(artefacts.batch(run, planHash, page, dirs.length, signal)).rejects.toMatchObject({ code: 'TRB-PLAN-LOST' });
    }
  });

  it('are those of the run that asks, where another run of the same merge has the same plan and was swept', async () => {
    const store = createMemoryStore({ buckets: ['merged'] });
    const artefacts = artefactsOf({ default: store });
    const { signal } = new AbortController();
    const first = await planned(store, '20260102T030405Z-00000001');
    const second = await planned(store, '20260102T030405Z-00000002');
    expect(second.planHash).toBe(first.planHash);
    await artefacts.plan(first.run, first.planHash, signal);
    for (const { key } of (await store.list({ bucket: 'merged', prefix: first.run.control.prefix })).objects) await store.delete({ bucket: 'merged', key });
    expect(await rowsOf(await artefacts.plan(second.run, second.planHash, signal))).toEqual(ROWS);
  });

  it('come from the store of the run that asks, where another run waits for the same page and its store is away', async () => {
    const asked = createGate();
    const back = createGate();
    const away = createMemoryStore({
      buckets: ['merged'],
      onCall: async ({ operation, key = '' }) => {
        if (operation !== 'get' || !key.endsWith('.ndjson.gz')) return undefined;
        asked.open();
        await back.opened;
        return undefined;
      },
    });
    const there = createMemoryStore({ buckets: ['merged'] });
    const artefacts = artefactsOf({ away, there });
    const { signal } = new AbortController();
    const first = await planned(away, '20260102T030405Z-00000001', mergeInto('away'));
    const second = await planned(there, '20260102T030405Z-00000002', mergeInto('there'));
    const waiting = rowsOf(await artefacts.plan(first.run, first.planHash, signal));
    await asked.opened;
    expect(await rowsOf(await artefacts.plan(second.run, second.planHash, signal))).toEqual(ROWS);
    back.open();
    expect(await waiting).toEqual(ROWS);
  });
});
