import { describe, expect, it } from '@jest/globals';
import { bodyOf, errorOf, newBucket, patternBytes, readAll, type Harness } from './harness.ts';

export function describeWrites(harness: () => Harness): void {
  describe('writes', () => {
    it('writes views one after another, and an empty body', async () => {
      const { store } = harness();
      const bucket = await newBucket(store);
      const slab = patternBytes(200_000);
      await store.put({ bucket, key: 'views', body: bodyOf(slab.subarray(10, 100_000), '', slab.subarray(150_000, 150_001), 'tail') });
      expect((await readAll(store, bucket, 'views')).equals(Buffer.concat([slab.subarray(10, 100_000), slab.subarray(150_000, 150_001), Buffer.from('tail')]))).toBe(true);
      await store.put({ bucket, key: 'empty', body: bodyOf() });
      expect((await store.head({ bucket, key: 'empty' }))?.sizeBytes).toBe(0);
    });

    it('creates once: a second write is refused and changes nothing', async () => {
      const { store } = harness();
      const bucket = await newBucket(store);
      await store.put({ bucket, key: 'once', body: bodyOf('first'), ifNoneMatch: '*' });
      for (const body of [bodyOf('second'), bodyOf(patternBytes(1000)), bodyOf('')]) {
        const error = await errorOf(store.put({ bucket, key: 'once', body, ifNoneMatch: '*' }));
        expect(error.code).toBe('TRB-CHUNK-CONFLICT');
        expect(error.context.httpStatus).toBe(412);
      }
      expect((await readAll(store, bucket, 'once')).toString()).toBe('first');
      await store.put({ bucket, key: 'once', body: bodyOf('overwritten') });
      expect((await readAll(store, bucket, 'once')).toString()).toBe('overwritten');
    });

    it('lets exactly one of 20 racing writers win', async () => {
      const { store } = harness();
      const bucket = await newBucket(store);
      const outcomes = await Promise.allSettled(Array.from({ length: 20 }, (_, n) =>
        store.put({ bucket, key: 'race', body: bodyOf(`writer ${n}`), ifNoneMatch: '*' })));
      const winners = outcomes.flatMap(({ status }, n) => (status === 'fulfilled' ? [n] : []));
      expect(winners).toHaveLength(1);
      for (const outcome of outcomes) if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'TRB-CHUNK-CONFLICT' });
      expect((await readAll(store, bucket, 'race')).toString()).toBe(`writer ${winners[0] ?? -1}`);
    });

    it('refuses a body whose CRC32 is another, and leaves nothing behind', async () => {
      const { store } = harness();
      const bucket = await newBucket(store);
      const error = await errorOf(store.put({ bucket, key: 'damaged', body: { ...bodyOf('hello'), crc32: 12345 } }));
      expect(error).toMatchObject({ code: 'TRB-STORE-FAULT', context: { storeCode: 'BadDigest' } });
      expect(await store.head({ bucket, key: 'damaged' })).toBeNull();
    });

    it.each([['nothing', 0, 1], ['less than a part', 1000, 3], ['several parts', 1_300_000, 9]])('writes a stream of %s, in place of what was there', async (_, pieceBytes, pieces) => {
      const { store } = harness();
      const bucket = await newBucket(store);
      await store.put({ bucket, key: 'stream', body: bodyOf('before') });
      const made = Array.from({ length: pieces }, (_unused, piece) => patternBytes(pieceBytes + piece).subarray(piece));
      await store.putStream({ bucket, key: 'stream', content: async function* () { yield* made; } });
      expect((await readAll(store, bucket, 'stream')).equals(Buffer.concat(made))).toBe(true);
    });

    it('leaves what was there, and no upload, where a stream breaks', async () => {
      const { store } = harness();
      const bucket = await newBucket(store);
      await store.put({ bucket, key: 'stream', body: bodyOf('before') });
      const broken = store.putStream({ bucket, key: 'stream', content: async function* () {
        yield patternBytes(6_000_000);
        throw new Error('no more');
      } });
      await expect(broken).rejects.toThrow('no more');
      expect((await readAll(store, bucket, 'stream')).toString()).toBe('before');
      expect(await store.listUploads({ bucket, prefix: '' })).toEqual([]);
    });

    it('deletes, also what is gone already', async () => {
      const { store } = harness();
      const bucket = await newBucket(store);
      await store.put({ bucket, key: 'a', body: bodyOf('x') });
      await store.delete({ bucket, key: 'a' });
      await store.delete({ bucket, key: 'a' });
      expect(await store.head({ bucket, key: 'a' })).toBeNull();
    });

    it('knows its buckets, and makes one twice without complaint', async () => {
      const { store } = harness();
      const bucket = await newBucket(store);
      await store.headBucket(bucket);
      await store.createBucket(bucket);
      expect((await errorOf(store.headBucket('no-such-bucket'))).code).toBe('TRB-NO-SUCH-BUCKET');
      expect((await errorOf(store.put({ bucket: 'no-such-bucket', key: 'k', body: bodyOf('x') }))).code).toBe('TRB-NO-SUCH-BUCKET');
    });

    it('rejects a write with the reason of its signal, and leaves nothing behind', async () => {
      const { store } = harness();
      const bucket = await newBucket(store);
      const reason = new Error('cancelled');
      const controller = new AbortController();
      const writes = Array.from({ length: 20 }, (_, n) => store.put({ bucket, key: `k${n}`, body: bodyOf('x') }, { signal: controller.signal }));
      const outcomes = Promise.allSettled(writes);
      controller.abort(reason);
      for (const outcome of await outcomes) if (outcome.status === 'rejected') expect(outcome.reason).toBe(reason);
      expect((await outcomes).some(({ status }) => status === 'rejected')).toBe(true);
    });

    it('serves the next request rightly after a large body was refused', async () => {
      const { store } = harness();
      const bucket = await newBucket(store);
      await store.put({ bucket, key: 'taken', body: bodyOf('first'), ifNoneMatch: '*' });
      const large = bodyOf(patternBytes(8 * 2 ** 20));
      for (let n = 0; n < 5; n += 1) {
        const error = await errorOf(store.put({ bucket, key: 'taken', body: large, ifNoneMatch: '*' }));
        expect(['TRB-CHUNK-CONFLICT', 'TRB-STORE-UNREACHABLE']).toContain(error.code);
        expect((await store.get({ bucket, key: 'taken' })).toString()).toBe('first');
      }
    });
  });
}
