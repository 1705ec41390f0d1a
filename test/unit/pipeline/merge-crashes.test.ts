/**
 * Kills: the process goes away at any call to the store, several times in a row, and another goes on from a cursor that was reported
 * before. Zombies: the other one starts while the first still works. Faults: the store fails, cuts, forgets, and loses answers.
 */
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { MergeCursor } from '../../../src/contracts/cursor.ts';
import type { PlanRest } from '../../../src/contracts/plan.ts';
import { isTributaryError } from '../../../src/contracts/errors.ts';
import type { MergeSpec } from '../../../src/contracts/merge.ts';
import { addTally } from '../../../src/contracts/tally.ts';
import { createRandom, type Random } from '../../../src/core/random.ts';
import { splitCursor } from '../../../src/core/split-cursor.ts';
import { beginSome, checkBatch, compressSome, repeatedParts, type StoredSources } from '../../support/batch-checks.ts';
import { createRig, SOURCE_BUCKET, TARGET_BUCKET, type Rig } from '../../support/batch-rig.ts';
import type { Fault, StoreCall } from '../../support/memory-store.ts';
import { mortalConnection, type MortalOptions } from '../../support/mortal-connection.ts';
import { makeSources } from '../../support/numbered-lines.ts';
import { runs } from '../../support/runs.ts';

const UPLOADS = 3;
const ROOMY = 40;

interface Scenario { readonly seed: number; /** Whether some sources are begun, as in a retry. */ readonly begun: boolean; readonly sources: number; readonly partBytes: number; readonly chunk: MergeSpec['chunk']; readonly crashes: number }

const anyScenario: fc.Arbitrary<Scenario> = fc.record({
  seed: fc.nat(), begun: fc.boolean(), sources: fc.integer({ min: 1, max: 20 }), partBytes: fc.integer({ min: 16, max: 300 }), crashes: fc.integer({ min: 1, max: 5 }),
  chunk: fc.oneof(fc.record({ lines: fc.integer({ min: 1, max: 300 }) }), fc.record({ bytes: fc.integer({ min: 1, max: 6000 }) })),
});

function prepare({ seed, begun, sources, partBytes, chunk }: Scenario): { readonly rig: Rig; readonly decoded: StoredSources['decoded']; readonly random: Random } {
  const all = compressSome(makeSources(seed, { sources, maxLines: 30, longLineBytes: 900, directories: ['', 'a/', 'b/'] }), seed);
  const { rest, decoded } = begun ? beginSome(all, seed) : { rest: new Map<string, PlanRest>(), decoded: all.decoded };
  return { rig: createRig({ sources: all.stored, rest, partBytes, chunk }), decoded, random: createRandom(seed) };
}

function mayPass(error: unknown): boolean {
  return isTributaryError(error) && error.retryable && error.code !== 'TRB-INTERNAL';
}

/** One call that dies. @returns a cursor that it had reported before its death, or the one it began with */
async function killed(rig: Rig, from: MergeCursor | null, isRetry: boolean, random: Random, options: MortalOptions): Promise<{ readonly cursor: MergeCursor | null; readonly created: ReadonlySet<string>; readonly done: boolean }> {
  const connection = mortalConnection(rig.store, options);
  const reported: [MergeCursor | null, ...(MergeCursor | null)[]] = [from];
  try {
    const { cursor } = await rig.call(from, {
      connection: connection.store, recovering: isRetry,
      onCheckpoint: (cursor) => { if (!connection.isDead()) reported.push(cursor); },
    });
    if (!connection.isDead()) return { cursor, created: connection.createdUploads, done: true };
  } catch (error) {
    if (!connection.isDead() && !mayPass(error)) throw error;
  }
  const cursor = random.chance(0.6) ? reported.at(-1) : random.pick(reported);
  return { cursor: cursor ?? null, created: connection.createdUploads, done: false };
}

describe('a merge that is killed', () => {
  it('goes on from any cursor it had reported, sends no part again that arrived, and leaves nothing open', async () => {
    await fc.assert(fc.asyncProperty(anyScenario, async (scenario) => {
      const { rig, decoded, random } = prepare(scenario);
      let from: MergeCursor | null = null;
      for (let crash = 0; crash < scenario.crashes; crash += 1) {
        const { cursor, done } = await killed(rig, from, crash > 0, random, { diesAtCall: random.below(ROOMY * (crash + 1)), actsAtDeath: random.chance(0.5) });
        expect(rig.slab.heldBytes).toBe(0);
        from = cursor;
        if (done) break;
      }
      const cursor = await rig.finish(from, { recovering: true });
      expect(await checkBatch(rig, cursor, { decoded })).toEqual([]);
      expect(rig.store.openUploads()).toEqual([]);
      expect(repeatedParts(rig)).toBeLessThanOrEqual(scenario.crashes * UPLOADS);
    }), { numRuns: runs(120) });
  });

  it('is not harmed by what it had sent and arrives after its death', async () => {
    await fc.assert(fc.asyncProperty(anyScenario, async (scenario) => {
      const { rig, decoded, random } = prepare(scenario);
      let from: MergeCursor | null = null;
      const ofTheDead = new Set<string>();
      for (let crash = 0; crash < scenario.crashes; crash += 1) {
        const slow = random.below(30);
        const { cursor, created, done } = await killed(rig, from, crash > 0, random, {
          diesAtCall: random.below(ROOMY * (crash + 1)), actsAtDeath: true, delayTurns: (call) => (call * 7919) % (slow + 1),
        });
        for (const id of created) ofTheDead.add(id);
        from = cursor;
        if (done) break;
      }
      const cursor = await rig.finish(from, { recovering: true });
      expect(await checkBatch(rig, cursor, { decoded })).toEqual([]);
      for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      // An upload that was created when its sender was dead is found by nobody; the end of the run aborts it.
      expect(rig.store.openUploads().map(({ uploadId }) => uploadId).filter((id) => ofTheDead.has(id))).toEqual([]);
    }), { numRuns: runs(60) });
  });

  it('may live on beside the one that took over', async () => {
    await fc.assert(fc.asyncProperty(anyScenario, async (scenario) => {
      const { rig, decoded, random } = prepare(scenario);
      const zombies: Promise<unknown>[] = [];
      let from: MergeCursor | null = null;
      for (let crash = 0; crash < Math.min(2, scenario.crashes); crash += 1) {
        const reported: [MergeCursor | null, ...(MergeCursor | null)[]] = [from];
        const slow = random.below(20);
        const connection = mortalConnection(rig.store, { diesAtCall: Infinity, actsAtDeath: true, delayTurns: (call) => (call * 104_729) % (slow + 1) });
        zombies.push(rig.call(from, { connection: connection.store, recovering: crash > 0, onCheckpoint: (cursor) => { reported.push(cursor); } }));
        for (let turns = random.below(60); turns > 0; turns -= 1) await new Promise((resolve) => setImmediate(resolve));
        from = random.pick(reported);
      }
      const cursor = await rig.finish(from, { recovering: true });
      // They end as well, and agree.
      await Promise.all(zombies);
      expect(await checkBatch(rig, cursor, { decoded })).toEqual([]);
    }), { numRuns: runs(60) });
  });
});

describe('a merge that is split where it was killed', () => {
  const LONGEST_TURNS = 100;
  /** Such that uploads of several groups are begun, more often than not. */
  const splitScenario = fc.record({
    seed: fc.nat(), begun: fc.boolean(), sources: fc.integer({ min: 8, max: 20 }), partBytes: fc.integer({ min: 16, max: 120 }), crashes: fc.constant(1),
    chunk: fc.oneof(fc.record({ lines: fc.integer({ min: 30, max: 300 }) }), fc.record({ bytes: fc.integer({ min: 600, max: 6000 }) })),
  });

  /** Some answers take long, so that the chunk of one group is not published while those of others are begun. */
  const slowly = (random: Random): MortalOptions => {
    const slow = 1 + random.below(LONGEST_TURNS);
    return { diesAtCall: 20 + random.below(2 * ROOMY), actsAtDeath: random.chance(0.5), delayTurns: (call) => (call * 7919) % slow };
  };

  it('carries the uploads of each half on in that half, and nowhere else', async () => {
    let dealt = 0;
    await fc.assert(fc.asyncProperty(splitScenario, async (scenario) => {
      const { rig, decoded, random } = prepare(scenario);
      const { cursor, done } = await killed(rig, null, false, random, slowly(random));
      const groups = rig.batch.groups.length;
      if (done || !cursor || cursor.low.group + 1 >= groups) return;
      const last = cursor.low.group + random.below(groups - 1 - cursor.low.group);
      const { upTo, behind } = splitCursor(cursor, last);
      if (behind.open.length > 0) dealt += 1;
      const first = (): Promise<MergeCursor> => rig.finish(upTo, { untilGroup: last + 1, recovering: true });
      const second = (): Promise<MergeCursor> => rig.finish(behind, { recovering: true });
      const ends = await random.pick([
        () => Promise.all([first(), second()]),
        async () => [await first(), await second()] as const,
        async () => [await second(), await first()].reverse() as [MergeCursor, MergeCursor],
      ])();
      const [before, after] = ends;
      expect(await checkBatch(rig, { ...after, done: before.done && after.done, tally: addTally(before.tally, after.tally) }, { decoded })).toEqual([]);
    }), { numRuns: runs(60) });
    expect(dealt).toBeGreaterThan(5);
  });

  it('leaves the uploads of other groups alone, whoever names them', async () => {
    let named = 0;
    await fc.assert(fc.asyncProperty(splitScenario, async (scenario) => {
      const { rig, random } = prepare(scenario);
      const { cursor, done } = await killed(rig, null, false, random, slowly(random));
      if (done || !cursor || cursor.low.group + 1 >= rig.batch.groups.length) return;
      const theirs = new Set(cursor.open.filter(({ start }) => start.group > cursor.low.group).map(({ start, chunk }) => rig.chunkKey(rig.batch.groups[start.group]?.dir ?? '', chunk)));
      if (theirs.size > 0) named += 1;
      // Until then what the dead had sent still arrives.
      for (let turn = 0; turn < LONGEST_TURNS; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      const before = rig.store.log.length;
      expect(await rig.finish(cursor, { untilGroup: cursor.low.group + 1, recovering: true })).toMatchObject({ open: [] });
      expect(rig.store.log.slice(before).filter(({ key }) => key !== undefined && theirs.has(key))).toEqual([]);
    }), { numRuns: runs(60) });
    expect(named).toBeGreaterThan(5);
  });
});

/** Faults that pass: each call of the store has one now and then, until there were enough of them. */
function faults(rig: Rig, random: Random, budget: number): (call: StoreCall) => Fault {
  let left = budget;
  const answer = (httpStatus: number, storeCode: string): Error => Object.assign(new Error(storeCode), { httpStatus, storeCode });
  return ({ operation, request }) => {
    if (left === 0 || !random.chance(0.15)) return undefined;
    left -= 1;
    const isConditional = (request as { ifNoneMatch?: string }).ifNoneMatch !== undefined;
    return random.pick<() => Fault>([
      () => answer(503, 'SlowDown'),
      () => answer(500, 'InternalError'),
      () => Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }),
      () => 'swallow answer',
      () => (operation === 'readInto' ? { cutAfterBytes: random.below(200) } : 'swallow answer'),
      () => (isConditional ? answer(409, 'ConditionalRequestConflict') : undefined),
      () => {
        for (const { uploadId } of rig.store.openUploads()) if (random.chance(0.5)) rig.store.expireUpload(uploadId);
        return undefined;
      },
    ])();
  };
}

/** Calls until all is done; what may pass is tried again, as the server does. */
async function persist(rig: Rig, from: MergeCursor | null): Promise<MergeCursor> {
  let reached = from;
  for (let call = 0; call < 50; call += 1) {
    try {
      return await rig.finish(reached, { recovering: true, onCheckpoint: (cursor) => { reached = cursor; } });
    } catch (error) {
      if (!mayPass(error)) throw error;
    }
  }
  throw new Error('fifty calls failed');
}

describe('a merge on a store that fails, cuts, forgets uploads and loses answers', () => {
  it('is exact all the same, also when it is killed', async () => {
    await fc.assert(fc.asyncProperty(anyScenario, fc.boolean(), fc.boolean(), async (scenario, repeatsComplete, isKilled) => {
      const { seed, sources, partBytes, chunk } = scenario;
      const { stored, decoded } = compressSome(makeSources(seed, { sources, maxLines: 30, longLineBytes: 900, directories: ['', 'a/', 'b/'] }), seed);
      const rig = createRig({ sources: stored, partBytes, chunk, store: { repeatsComplete } });
      const random = createRandom(seed);
      rig.store.setFault(faults(rig, random, 40));
      let from: MergeCursor | null = null;
      for (let crash = 0; isKilled && crash < scenario.crashes; crash += 1) {
        const { cursor, done } = await killed(rig, from, crash > 0, random, { diesAtCall: random.below(ROOMY * (crash + 1)), actsAtDeath: random.chance(0.5) });
        from = cursor;
        if (done) break;
      }
      const cursor = await persist(rig, from);
      rig.store.setFault(undefined);
      expect(await checkBatch(rig, cursor, { decoded })).toEqual([]);
      const published = rig.store.log.filter(({ bucket, key, operation }) => bucket === TARGET_BUCKET && (operation === 'put' || operation === 'completeUpload') && !key?.includes('_tributary'));
      expect(published.filter(({ request }) => (request as { ifNoneMatch?: string }).ifNoneMatch !== '*')).toEqual([]);
    }), { numRuns: runs(120) });
  });
});

describe('a source that a killed call had merged, and that is gone when another call takes over', () => {
  it.each([['alone', 'b/'], ['behind another', '']])('is no failure, which a retry would merge again: %s in its chunk', async (_, dir) => {
    const content = Buffer.from('1\n2\n');
    const rig = createRig({ sources: new Map([['a', content], [`${dir}b`, content]]) });
    await rig.call();
    const merged = rig.outputs();
    await rig.store.delete({ bucket: SOURCE_BUCKET, key: rig.sourceKey(`${dir}b`) }, { signal: new AbortController().signal });
    // Nothing was heard of the first.
    await expect(rig.call(null, { recovering: true })).rejects.toMatchObject({ code: 'TRB-CHUNK-DIVERGED', message: expect.stringContaining(`s3://logs/in/${dir}b cannot be read any more`) });
    expect(rig.failures()).toEqual([]);
    expect(rig.outputs()).toEqual(merged);
  });
});
