import { gzipSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import type { RunRef } from '../../../src/contracts/activities.ts';
import type { MergeSpec } from '../../../src/contracts/merge.ts';
import type { PlanRow, SealedPlan } from '../../../src/contracts/plan.ts';
import { planPrefix, RunArtefacts, specHash, specText } from '../../../src/activities/run-artefacts.ts';
import type { RunShares } from '../../../src/activities/run-shares.ts';
import { Allowance } from '../../../src/stores/allowance.ts';
import { contentHash, putArtefact } from '../../../src/stores/artefacts.ts';
import { createRegistry } from '../../../src/stores/create-registry.ts';
import { createManualClock } from '../../support/manual-clock.ts';
import { createMemoryStore, type MemoryStore } from '../../support/memory-store.ts';

const place = { store: 'default', bucket: 'merged', prefix: 'app/' };
const spec = { source: { ...place, bucket: 'logs' }, target: place, limits: {} } as unknown as MergeSpec;
const ROWS: readonly PlanRow[] = [['app/a.log', 3, '"a"', 1], ['app/b.log', 4, '"b"', 2]];

/** Writes what PLAN leaves of a run: every run of the same merge has the same hashes. */
async function planned(store: MemoryStore, stamp: string): Promise<{ readonly run: RunRef; readonly planHash: string }> {
  const run: RunRef = {
    id: `run-${stamp}`, stamp, startedMs: 1, specHash: specHash(spec), planStamp: stamp, createOnce: true,
    control: { store: 'default', bucket: 'merged', prefix: `app/_tributary/runs/${stamp}/` },
  };
  const put = async (name: string, bytes: Buffer): Promise<void> => putArtefact(store, { bucket: 'merged', key: `${planPrefix(spec, run)}${name}` }, bytes);
  const page = gzipSync(ROWS.map((row) => `${JSON.stringify(row)}\n`).join(''));
  const totals = { objects: 2, bytes: 7, sources: 2, sourceBytes: 7, groups: 1, batches: 1, skipped: {}, listRequests: 1 };
  const plan: SealedPlan = {
    schema: 'tributary.plan-index/1', specHash: run.specHash, pages: [{ hash: contentHash(page), firstRow: 0, rows: 2 }], batchFiles: [], workPages: [], totals,
  };
  const text = Buffer.from(JSON.stringify(plan));
  await put('spec.json', Buffer.from(specText(spec)));
  await put(`plan/${contentHash(page)}.ndjson.gz`, page);
  await put(`plan/${contentHash(text)}.plan.json`, text);
  return { run, planHash: contentHash(text) };
}

describe('the artefacts of runs', () => {
  it('are those of the run that asks, where another run of the same merge has the same plan and was swept', async () => {
    const store = createMemoryStore({ buckets: ['merged'] });
    const clock = createManualClock();
    const stores = createRegistry({ default: { adapter: 'sdk', createOnce: 'yes' } }, { connect: () => store, clock });
    const shares = { allowanceOf: () => new Allowance(clock), begin: () => undefined } as unknown as RunShares;
    const artefacts = new RunArtefacts(stores, shares);
    const { signal } = new AbortController();
    const first = await planned(store, '20260102T030405Z-00000001');
    const second = await planned(store, '20260102T030405Z-00000002');
    expect(second.planHash).toBe(first.planHash);
    await artefacts.plan(first.run, first.planHash, signal);
    for (const { key } of (await store.list({ bucket: 'merged', prefix: planPrefix(spec, first.run) })).objects) await store.delete({ bucket: 'merged', key });
    const { reader } = await artefacts.plan(second.run, second.planHash, signal);
    const rows: PlanRow[] = [];
    for await (const block of reader.rows(0, 2)) rows.push(...block.map(({ source }) => source));
    expect(rows).toEqual(ROWS);
  });
});
