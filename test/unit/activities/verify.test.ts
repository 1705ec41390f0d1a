import { describe, expect, it } from '@jest/globals';
import { runInMemory, TARGET_BUCKET } from '../../support/memory-run.ts';

describe('a verification of a run whose target is empty', () => {
  it('counts every chunk that is gone, and lists as many as history can hold', async () => {
    const chunks = 10_500;
    const run = await runInMemory(new Map([['a.log', Buffer.from('\n'.repeat(chunks))]]), { chunk: { lines: 1 } });
    const { signal } = new AbortController();
    for (const key of run.chunks.keys()) await run.store.delete({ bucket: TARGET_BUCKET, key }, { signal });
    const { differences, omitted } = await run.verify();
    expect(differences.length + omitted).toBe(chunks);
    expect(Buffer.byteLength(JSON.stringify(differences))).toBeLessThan(1.1 * 2 ** 20);
    expect(differences[0]).toMatchObject({ mark: '+', what: 'is gone: 1 lines of the root' });
  });
});
