/** Groups that are larger than anything one call does: each call ends on its time, in the middle of whatever it was at, and the next goes on. */
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { MergeCursor } from '../../../src/contracts/cursor.ts';
import { DEFAULT_LIMITS } from '../../../src/contracts/limits.ts';
import { countLines } from '../../../src/core/lines.ts';
import { createRandom } from '../../../src/core/random.ts';
import { checkBatch, compressSome, repeatedParts } from '../../support/batch-checks.ts';
import { createRig, type Rig, type RigOptions } from '../../support/batch-rig.ts';
import { makeSources } from '../../support/numbered-lines.ts';
import { runs } from '../../support/runs.ts';

/** Merges in calls whose time is over after so many requests. @returns where each ended, the last of them done */
async function mergeInCalls(options: RigOptions, requestsOfCall: () => number): Promise<{ readonly rig: Rig; readonly cursors: readonly MergeCursor[] }> {
  let left = 0;
  let deadline = new AbortController();
  const rig = createRig({ ...options, store: { onCall: () => {
    left -= 1;
    if (left === 0) deadline.abort();
    return undefined;
  } } });
  const cursors: MergeCursor[] = [];
  while (cursors.at(-1)?.done !== true) {
    if (cursors.length === 300) throw new Error('300 calls did not finish the batch');
    left = requestsOfCall();
    deadline = new AbortController();
    const { cursor } = await rig.call(cursors.at(-1) ?? null, { deadline: deadline.signal });
    cursors.push(cursor);
  }
  return { rig, cursors };
}

describe('calls that end on their time', () => {
  it.each([1, 100, 999, 1000])('cut a directory of 12,000 lines into chunks of exactly %i all the same', async (lines) => {
    const sources = new Map(Array.from({ length: 400 }, (_, at) => [`dir/${String(at).padStart(4, '0')}.log`, Buffer.from(Array.from({ length: 30 }, (_unused, line) => `${at} ${line}\n`).join(''))]));
    const { rig, cursors } = await mergeInCalls({ sources, chunk: { lines }, partBytes: 500 }, () => (lines === 1 ? 800 : 60));
    const middle = cursors.filter(({ done, low: { row }, open }) => !done && (row > 0 || open.length > 0));
    expect(middle.length).toBeGreaterThan(5);
    expect(await checkBatch(rig, cursors.at(-1)!, { decoded: sources })).toEqual([]);
    const counts = [...rig.outputs().values()].map(countLines);
    expect(counts.slice(0, -1).every((count) => count === lines)).toBe(true);
    expect(counts).toHaveLength(Math.ceil(12_000 / lines));
    expect(rig.store.openUploads()).toEqual([]);
  });

  it.each([
    ['plain sources', (bytes: Buffer): Buffer => bytes, ''],
    ['compressed sources', (bytes: Buffer): Buffer => gzipSync(bytes), '.gz'],
  ])('come to an end of %s also where a call has less time than its first chunk takes', async (_what, store, suffix) => {
    const contents = Array.from({ length: 100 }, (_unused, at) => [`dir/${String(at).padStart(4, '0')}.log${suffix}`, Buffer.from(`${at}\n`.repeat(30))] as const);
    const { rig, cursors } = await mergeInCalls({ sources: new Map(contents.map(([key, bytes]) => [key, store(bytes)])), chunk: { lines: 1000 }, partBytes: 1e6 }, () => 10);
    expect(await checkBatch(rig, cursors.at(-1)!, { decoded: new Map(contents) })).toEqual([]);
    // Once it has moved, a call ends as before.
    expect(cursors.length).toBeGreaterThan(1);
  });

  it('come to an end where a chunk has to be written again because of a source that broke', async () => {
    const decoded = new Map(Array.from({ length: 20 }, (_, at) => [`dir/${String(at).padStart(4, '0')}.log`, Buffer.from(`${'x'.repeat(99)}\n`.repeat(10))]));
    const broken = 'dir/0009.log.gz';
    const whole = gzipSync(Buffer.from(`${'a line that is sent in part'.repeat(90)}\n`.repeat(3)));
    const { rig, cursors } = await mergeInCalls({ sources: new Map([...decoded, [broken, whole.subarray(0, -9)]]), chunk: { lines: 1000 }, partBytes: 1500 }, () => 4);
    expect(cursors.at(-1)!.done).toBe(true);
    expect(rig.failures()).toHaveLength(1);
  });

  it('give what a single call gives, whatever they were at; no part is sent twice', async () => {
    const any = fc.record({
      seed: fc.nat(), sources: fc.integer({ min: 10, max: 60 }), partBytes: fc.integer({ min: 16, max: 600 }),
      chunk: fc.oneof(fc.record({ lines: fc.integer({ min: 1, max: 600 }) }), fc.record({ bytes: fc.integer({ min: 1, max: 20_000 }) })),
    });
    await fc.assert(fc.asyncProperty(any, async ({ seed, sources, partBytes, chunk }) => {
      const { stored, decoded } = compressSome(makeSources(seed, { sources, maxLines: 30, longLineBytes: 900, directories: ['', 'a/'] }), seed);
      const random = createRandom(seed);
      const { rig, cursors } = await mergeInCalls({ sources: stored, partBytes, chunk }, () => 15 + random.below(60));
      expect(await checkBatch(rig, cursors.at(-1)!, { decoded })).toEqual([]);
      expect(repeatedParts(rig)).toBe(0);
      expect(rig.store.openUploads()).toEqual([]);
    }), { numRuns: runs(60) });
  });

  it('lose at most what a limit lets through in three seconds', async () => {
    const bytesPerSecond = 2 ** 20;
    const sources = new Map([1, 2].map((source) => [`${source}.log`, Buffer.from(`${String(source).repeat(999)}\n`.repeat(4000))]));
    let [onItsWay, most] = [0, 0];
    const rig = createRig({ sources, chunk: { lines: 5000 }, partBytes: 2 ** 20, store: { onCall: async ({ operation, request }) => {
      if (operation !== 'readInto') return undefined;
      const { lengthBytes } = request as { readonly lengthBytes: number };
      onItsWay += lengthBytes;
      most = Math.max(most, onItsWay);
      await new Promise(setImmediate);
      onItsWay -= lengthBytes;
      return undefined;
    } } });
    const cursor = await rig.finish(null, { limits: { ...DEFAULT_LIMITS, bytesPerSecond } });
    expect(most).toBeGreaterThan(bytesPerSecond);
    expect(most).toBeLessThanOrEqual(3 * bytesPerSecond);
    expect(await checkBatch(rig, cursor, { decoded: sources })).toEqual([]);
  });
});
