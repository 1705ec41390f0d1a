import { describe, expect, it } from '@jest/globals';
import { crc32 } from '@node-rs/crc32';
import { InterruptedRead } from '../../../src/stores/object-store.ts';
import { bodyOf, errorOf, newBucket, patternBytes, readAll, type Harness } from './harness.ts';

export function describeReads(harness: () => Harness): void {
  describe('reads', () => {
    const seeded = async (content: Buffer): Promise<{ bucket: string; key: string; ifMatch: string; sizeBytes: number }> => {
      const { store } = harness();
      const bucket = await newBucket(store);
      const { etag } = await store.put({ bucket, key: 'dir/source.log', body: bodyOf(content) });
      return { bucket, key: 'dir/source.log', ifMatch: etag, sizeBytes: content.length };
    };

    it('reads a whole object into the caller\'s buffer and nothing beside it', async () => {
      const content = patternBytes(100_000);
      const source = await seeded(content);
      const room = Buffer.alloc(100_010, '.');
      const result = await harness().store.readInto({ ...source, offset: 0, lengthBytes: 100_000 }, room.subarray(5, 100_010));
      expect(room.subarray(0, 5).toString()).toBe('.....');
      expect(room.subarray(5, 100_005).equals(content)).toBe(true);
      expect(room.subarray(100_005).toString()).toBe('.....');
      expect(result.objectCrc32 ?? crc32(content)).toBe(crc32(content));
    });

    it.each([[0, 1], [0, 4096], [1, 4096], [4095, 2], [99_999, 1], [50_000, 50_000]])('reads the range at %i of %i bytes', async (offset, lengthBytes) => {
      const content = patternBytes(100_000);
      const source = await seeded(content);
      const into = Buffer.alloc(lengthBytes);
      await harness().store.readInto({ ...source, offset, lengthBytes }, into);
      expect(into.equals(content.subarray(offset, offset + lengthBytes))).toBe(true);
    });

    it('tells of all bytes as they land, in order, and of none before it is there', async () => {
      const content = patternBytes(3_000_000);
      const source = await seeded(content);
      const memory = Buffer.alloc(content.length + 100, '.');
      for (const [offset, lengthBytes] of [[0, 3_000_000], [1, 2_000_000], [5, 1]] as const) {
        let reached = 50;
        const landed = (start: number, end: number): void => {
          expect(start).toBe(reached);
          expect(memory.subarray(start, end).equals(content.subarray(offset + start - 50, offset + end - 50))).toBe(true);
          reached = end;
        };
        // A view on memory that begins elsewhere: offsets are those of the memory.
        await harness().store.readInto({ ...source, offset, lengthBytes }, new Uint8Array(memory.buffer, 50, lengthBytes), { landed });
        expect(reached).toBe(50 + lengthBytes);
        memory.fill('.');
      }
    });

    it('reads many ranges at the same time', async () => {
      const content = patternBytes(1_000_000);
      const source = await seeded(content);
      const into = Buffer.alloc(content.length);
      await Promise.all(Array.from({ length: 40 }, (_, n) =>
        harness().store.readInto({ ...source, offset: n * 25_000, lengthBytes: 25_000 }, into.subarray(n * 25_000, (n + 1) * 25_000))));
      expect(into.equals(content)).toBe(true);
    });

    it('refuses another version than the one that was planned', async () => {
      const source = await seeded(Buffer.from('planned'));
      await harness().store.put({ bucket: source.bucket, key: source.key, body: bodyOf('changed') });
      const into = Buffer.alloc(7, '.');
      for (const range of [{ offset: 0, lengthBytes: 7 }, { offset: 2, lengthBytes: 3 }]) {
        const error = await errorOf(harness().store.readInto({ ...source, ...range }, into));
        expect(error.code).toBe('TRB-SOURCE-CHANGED');
        expect(error.context).toMatchObject({ bucket: source.bucket, key: source.key, operation: 'GetObject' });
      }
      expect(into.toString()).toBe('.......');
    });

    it('says that a source has become shorter, or is gone', async () => {
      const source = await seeded(Buffer.from('planned'));
      await harness().store.put({ bucket: source.bucket, key: source.key, body: bodyOf('x') });
      expect((await errorOf(harness().store.readInto({ ...source, offset: 5, lengthBytes: 2 }, Buffer.alloc(2)))).code).toBe('TRB-SOURCE-CHANGED');
      await harness().store.delete(source);
      expect((await errorOf(harness().store.readInto({ ...source, offset: 0, lengthBytes: 7 }, Buffer.alloc(7)))).code).toBe('TRB-SOURCE-GONE');
    });

    it('gets a whole small object, an empty one too, and none that is larger than expected', async () => {
      const { store } = harness();
      const source = await seeded(Buffer.from('control'));
      await store.put({ bucket: source.bucket, key: 'empty', body: bodyOf('') });
      expect((await store.get(source)).toString()).toBe('control');
      expect(await store.get({ bucket: source.bucket, key: 'empty' })).toHaveLength(0);
      expect((await errorOf(store.get(source, { maxBytes: 6 }))).code).toBe('TRB-STORE-FAULT');
      expect((await errorOf(store.get({ bucket: source.bucket, key: 'nothing' }))).code).toBe('TRB-NO-SUCH-KEY');
    });

    it('tells what is at a key, and null for nothing', async () => {
      const { store } = harness();
      const bucket = await newBucket(store);
      const body = bodyOf('hello ', 'world');
      const { etag } = await store.put({
        bucket, key: 'k', body, metadata: { 'tributary-chunk': 'stamp/group/0' },
        output: { contentType: 'application/x-ndjson', metadata: { owner: 'me' }, tags: { team: 'a b=c+d/e' } },
      });
      const found = await store.head({ bucket, key: 'k' });
      expect(found).toMatchObject({ sizeBytes: 11, etag, contentType: 'application/x-ndjson', metadata: { 'tributary-chunk': 'stamp/group/0', owner: 'me' } });
      expect(found?.crc32 ?? body.crc32).toBe(body.crc32);
      expect(Math.abs((found?.modifiedMs ?? 0) - Date.now())).toBeLessThan(60_000);
      expect(await store.head({ bucket, key: 'nothing' })).toBeNull();
    });

    it('rejects with the reason of a signal that is aborted before, and while a body arrives', async () => {
      const content = patternBytes(8 * 2 ** 20);
      const source = await seeded(content);
      const reason = new Error('paused');
      const before = AbortSignal.abort(reason);
      await expect(harness().store.readInto({ ...source, offset: 0, lengthBytes: 1000 }, Buffer.alloc(1000), { signal: before })).rejects.toBe(reason);
      const controller = new AbortController();
      const reads = Array.from({ length: 30 }, () =>
        harness().store.readInto({ ...source, offset: 0, lengthBytes: content.length }, Buffer.alloc(content.length), { signal: controller.signal }));
      const outcomes = Promise.allSettled(reads);
      controller.abort(reason);
      for (const outcome of await outcomes) expect(outcome).toEqual({ status: 'rejected', reason });
    });

    it('keeps what arrived of a read that breaks, and says how much it is', async () => {
      const { proxied } = harness();
      if (!proxied) return;
      const content = patternBytes(2 ** 20);
      const source = await seeded(content);
      const into = Buffer.alloc(content.length);
      proxied.cutAnswerAfter(300_000);
      const error = await proxied.store.readInto({ ...source, offset: 0, lengthBytes: content.length }, into).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(InterruptedRead);
      const { receivedBytes, cause } = error as InterruptedRead;
      expect(receivedBytes).toBeGreaterThan(250_000);
      expect(receivedBytes).toBeLessThan(300_000);
      expect(into.subarray(0, receivedBytes).equals(content.subarray(0, receivedBytes))).toBe(true);
      expect(cause).toMatchObject({ code: 'TRB-STORE-UNREACHABLE' });
      expect((await readAll(proxied.store, source.bucket, source.key)).equals(content)).toBe(true);
    });

    it('calls a read that breaks before its first byte an unreachable store', async () => {
      const { proxied } = harness();
      if (!proxied) return;
      const source = await seeded(patternBytes(1000));
      proxied.cutAnswerAfter(20, 2);
      expect((await errorOf(proxied.store.readInto({ ...source, offset: 0, lengthBytes: 1000 }, Buffer.alloc(1000)))).code).toBe('TRB-STORE-UNREACHABLE');
      proxied.cutAnswerAfter(0, 0);
    });
  });
}
