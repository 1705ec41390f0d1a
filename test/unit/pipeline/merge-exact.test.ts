import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { MergeSpec } from '../../../src/contracts/merge.ts';
import { checkBatch, checkRequests, compressSome } from '../../support/batch-checks.ts';
import { createRig, type RigOptions } from '../../support/batch-rig.ts';
import { makeSources } from '../../support/numbered-lines.ts';
import { runs } from '../../support/runs.ts';

const anyChunk: fc.Arbitrary<MergeSpec['chunk']> = fc.oneof(
  fc.record({ lines: fc.oneof(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 600 })) }),
  fc.record({ bytes: fc.oneof(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 20_000 })) }),
);
const anyGroupBy: fc.Arbitrary<MergeSpec['groupBy']> = fc.oneof(fc.constant('directory' as const), fc.record({ depth: fc.nat({ max: 2 }) }));

/** Merges without any trouble and expects all that is promised. */
async function expectExact(options: RigOptions, decoded: ReadonlyMap<string, Buffer> = options.sources): Promise<void> {
  const rig = createRig(options);
  const { cursor } = await rig.call();
  expect(await checkBatch(rig, cursor, { decoded })).toEqual([]);
  expect(checkRequests(rig)).toEqual([]);
  expect(rig.store.openUploads()).toEqual([]);
}

describe('a merge without any trouble', () => {
  it('equals the reference merge for any sources, chunks, groups and parts, and asks for each source once', async () => {
    const any = fc.record({
      seed: fc.nat(), sources: fc.integer({ min: 1, max: 30 }), maxLines: fc.integer({ min: 1, max: 40 }), longLineBytes: fc.integer({ min: 1, max: 3000 }),
      chunk: anyChunk, groupBy: anyGroupBy, partBytes: fc.integer({ min: 16, max: 1200 }), input: fc.constantFrom('auto' as const, 'none' as const),
    });
    await fc.assert(fc.asyncProperty(any, async ({ seed, sources, maxLines, longLineBytes, input, ...options }) => {
      const { stored, decoded } = compressSome(makeSources(seed, { sources, maxLines, longLineBytes }), seed);
      await expectExact({ ...options, input, sources: stored }, input === 'none' ? stored : decoded);
    }), { numRuns: runs(80) });
  });

  it.each([[1, 7], [3, 6], [6, 6], [5, 6], [7, 6], [12, 6]])('of %i lines by %i makes no empty chunk', async (lines, perChunk) => {
    const bytes = Buffer.from(Array.from({ length: lines }, (_, line) => `line ${line}\n`).join(''));
    await expectExact({ sources: new Map([['a/x', bytes], ['b/x', bytes.subarray(0, -1)]]), chunk: { lines: perChunk } });
  });

  it('takes 200,000 one-byte lines, a line of 20 MiB, and a source that fills its ranges', async () => {
    const sources = new Map([
      ['a', Buffer.alloc(200_000, '\n')], ['b', Buffer.alloc(20 * 2 ** 20, 'x')], ['c', Buffer.from('last')], ['d', Buffer.alloc(16 * 2 ** 20, 'line of text\n')],
    ]);
    await expectExact({ sources, chunk: { lines: 25_500 }, partBytes: 5 * 2 ** 20 });
    await expectExact({ sources, chunk: { bytes: 3 * 2 ** 20 }, partBytes: 7 * 2 ** 20 });
  });

  it('takes compressed sources of several ranges', async () => {
    const text = Buffer.from(Array.from({ length: 400_000 }, (_, line) => `${line} ${Math.sin(line)}\n`).join(''));
    const decoded = new Map([['a.gz', Buffer.concat([text, text])], ['b.zst', text.subarray(0, -1)], ['c', Buffer.from('end')]]);
    const sources = new Map([['a.gz', Buffer.concat([gzipSync(text), gzipSync(text, { level: 0 })])], ['b.zst', zstdCompressSync(text.subarray(0, -1))], ['c', Buffer.from('end')]]);
    await expectExact({ sources, chunk: { lines: 77_777 }, partBytes: 5 * 2 ** 20 }, decoded);
  });

  it('reads only the groups up to its bound', async () => {
    const sources = new Map(['a/1', 'a/2', 'b/1', 'c/1'].map((key) => [key, Buffer.from(`${key}\n`)]));
    const rig = createRig({ sources });
    const { cursor } = await rig.call(null, { untilGroup: 2 });
    expect(cursor).toMatchObject({ done: true, low: { group: 2, row: 0, offset: 0 }, tally: { doneObjects: 3, chunks: 2 } });
    expect([...rig.outputs().keys()].map((key) => key.slice(0, 2))).toEqual(['a/', 'b/']);
    const rest = await rig.call({ ...cursor, done: false });
    expect(await checkBatch(rig, rest.cursor, { decoded: sources })).toEqual([]);
  });
});
