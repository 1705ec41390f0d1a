/** Every example of docs/SEMANTICS.md, run as it stands there. */
import { readFileSync } from 'node:fs';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { z } from 'zod';
import type { MergeInput } from '../../src/contracts/merge.ts';
import { directoryOf, fileNameOf } from '../../src/core/keys.ts';
import { parseChunkName } from '../../src/core/names.ts';
import { runInMemory, SOURCE_BUCKET } from '../support/memory-run.ts';

const content = z.union([
  z.string(),
  z.strictObject({ gzip: z.array(z.string()), cutBytes: z.int().optional() }),
  z.strictObject({ zstd: z.array(z.string()) }),
]);

const example = z.strictObject({
  title: z.string(),
  chunk: z.union([z.strictObject({ lines: z.int() }), z.strictObject({ bytes: z.int() })]),
  groupBy: z.strictObject({ depth: z.int() }).optional(),
  sources: z.record(z.string(), content),
  overwrittenAfterPlan: z.record(z.string(), z.string()).optional(),
  chunks: z.record(z.string(), z.string()),
  partial: z.int().optional(),
  failed: z.int().optional(),
});

function bytesOf(of: z.infer<typeof content>): Buffer {
  if (typeof of === 'string') return Buffer.from(of);
  if ('zstd' in of) return Buffer.concat(of.zstd.map((frame) => zstdCompressSync(frame)));
  const members = Buffer.concat(of.gzip.map((member) => gzipSync(member)));
  return members.subarray(0, members.length - (of.cutBytes ?? 0));
}

const text = readFileSync(new URL('../../docs/SEMANTICS.md', import.meta.url), 'utf8');
const examples = [...text.matchAll(/^```merge\n(.*?)^```$/gms)].map(([, yaml]) => example.parse(parse(yaml ?? '')));

describe('docs/SEMANTICS.md', () => {
  it('has examples', () => {
    expect(examples.length).toBeGreaterThan(10);
  });

  it.each(examples)('$title', async ({ chunk, groupBy, sources, overwrittenAfterPlan = {}, chunks, partial = 0, failed = 0 }) => {
    const input: Omit<MergeInput, 'source' | 'target'> = groupBy ? { chunk, groupBy } : { chunk };
    const run = await runInMemory(new Map(Object.entries(sources).map(([key, of]) => [key, bytesOf(of)])), input, (store) => {
      for (const [key, now] of Object.entries(overwrittenAfterPlan)) store.seed(SOURCE_BUCKET, key, now);
    });
    const short = [...run.chunks].map(([key, bytes]) => [`${directoryOf(key)}${parseChunkName(fileNameOf(key))?.chunk ?? '?'}`, bytes.toString()]);
    expect(Object.fromEntries(short)).toEqual(chunks);
    expect([...run.chunks.keys()].every((key) => key.includes(run.stamp))).toBe(true);
    expect({ partial: run.tally.partialObjects, failed: run.tally.failedObjects }).toEqual({ partial, failed });
    expect(run.tally.lines).toBe([...run.chunks.values()].reduce((sum, bytes) => sum + bytes.toString().split('\n').length - 1, 0));
  });
});
