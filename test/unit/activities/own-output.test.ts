import { describe, expect, it } from '@jest/globals';
import { sourceSelection } from '../../../src/activities/own-output.ts';
import type { MergeSpec } from '../../../src/contracts/merge.ts';
import { directoryOf } from '../../../src/core/keys.ts';
import { createMemoryStore } from '../../support/memory-store.ts';

const EARLIER = '20260101T030405Z-cafebabe';
const STAMP = '20260102T030405Z-deadbeef';
const place = (prefix: string, store = 'default'): MergeSpec['source'] => ({ store, bucket: 'b', prefix });

/** Why the first chunk of a directory that an earlier run wrote is no source of a run that reads `reads`; null where it is one. */
async function reasonOf(earlier: { source: MergeSpec['source']; target: string; groupBy?: MergeSpec['groupBy'] }, directory: string, reads: string): Promise<string | null> {
  const { source, target, groupBy = 'directory' } = earlier;
  const store = createMemoryStore({ buckets: ['b'] });
  store.seed('b', `${target}_tributary/runs/${EARLIER}/spec.json`, JSON.stringify({ source, groupBy, target: place(target) }));
  const spec = { source: place(reads), filters: [], modifiedAfter: null, modifiedBefore: null, minBytes: null, maxBytes: null } as unknown as MergeSpec;
  const key = `${target}${directory}merged-${EARLIER}-00000000.log`;
  expect(directoryOf(key).startsWith(reads)).toBe(true);
  return sourceSelection(store, spec, STAMP)({ key, sizeBytes: 2, etag: '"e"', modifiedMs: 0 }, new AbortController().signal);
}

describe('a chunk of an earlier run', () => {
  it('is own output where its originals are read too', async () => {
    expect(await reasonOf({ source: place(''), target: '' }, 'x/', '')).toBe('own-output');
    expect(await reasonOf({ source: place(''), target: '' }, 'x/', 'x/')).toBe('own-output');
    expect(await reasonOf({ source: place('logs/'), target: 'logs/merged/' }, 'x/', 'logs/')).toBe('own-output');
    expect(await reasonOf({ source: place(''), target: 'x/y/', groupBy: { depth: 1 } }, 'x/', 'x/y/')).toBe('own-output');
  });

  it('is a source where its originals lie in another store, in a bucket of the same name', async () => {
    expect(await reasonOf({ source: place('', 'onprem'), target: '' }, '', '')).toBeNull();
  });

  it('is a source where its originals lie outside of the prefix that is read, although inside of what its run read', async () => {
    expect(await reasonOf({ source: place(''), target: 'merged/' }, 'x/', 'merged/')).toBeNull();
    // Those of the root, which is no directory of the prefix.
    expect(await reasonOf({ source: place(''), target: 'merged/' }, '', 'merged/')).toBeNull();
    expect(await reasonOf({ source: place(''), target: 'merged/', groupBy: { depth: 1 } }, 'x/', 'merged/')).toBeNull();
  });
});
