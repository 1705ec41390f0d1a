import { describe, expect, it } from '@jest/globals';
import { crc32 } from '@node-rs/crc32';
import pLimit from 'p-limit';
import type { Body, CompleteRequest, ObjectStore } from '../../../src/stores/object-store.ts';
import { bodyOf, errorOf, newBucket, patternBytes, readAll, type Harness } from './harness.ts';

const PART_BYTES = 5 * 2 ** 20;

interface Upload { readonly bucket: string; readonly key: string; readonly uploadId: string }

async function send(store: ObjectStore, upload: Upload, partNumber: number, body: Body): Promise<CompleteRequest['parts'][number]> {
  const { etag } = await store.uploadPart({ ...upload, partNumber, body });
  return { partNumber, etag, crc32: body.crc32 };
}

export function describeUploads(harness: () => Harness): void {
  describe('uploads in parts', () => {
    const begin = async (key = 'dir/chunk.log', bucket?: string): Promise<Upload> => {
      const { store } = harness();
      const where = { bucket: bucket ?? await newBucket(store), key };
      return { ...where, ...(await store.createUpload({ ...where, metadata: { 'tributary-chunk': 'stamp/group/7' }, output: { contentType: 'text/plain' } })) };
    };
    const whole = (content: Uint8Array): { sizeBytes: number; crc32: number } => ({ sizeBytes: content.byteLength, crc32: crc32(content) });

    it('publishes parts sent in any order as one object, with token, size and CRC32', async () => {
      const { store } = harness();
      const upload = await begin();
      const content = patternBytes(2 * PART_BYTES + 17);
      const pieces = [content.subarray(0, PART_BYTES), content.subarray(PART_BYTES, 2 * PART_BYTES), content.subarray(2 * PART_BYTES)];
      const third = await send(store, upload, 3, bodyOf(pieces[2] ?? ''));
      const first = await send(store, upload, 1, bodyOf((pieces[0] ?? Buffer.of()).subarray(0, 1000), (pieces[0] ?? Buffer.of()).subarray(1000)));
      const second = await send(store, upload, 2, bodyOf(pieces[1] ?? ''));
      expect(await store.head(upload)).toBeNull();
      expect((await store.listParts(upload))?.map(({ partNumber, sizeBytes, crc32: sum }) => [partNumber, sizeBytes, sum]))
        .toEqual(pieces.map((piece, n) => [n + 1, piece.length, crc32(piece)]));
      const { etag } = await store.completeUpload({ ...upload, parts: [first, second, third], ...whole(content), ifNoneMatch: '*' });
      expect(await store.head(upload)).toMatchObject({ etag, ...whole(content), metadata: { 'tributary-chunk': 'stamp/group/7' }, contentType: 'text/plain' });
      expect((await readAll(store, upload.bucket, upload.key)).equals(content)).toBe(true);
      expect(await store.listParts(upload)).toBeNull();
      expect(await store.listUploads({ bucket: upload.bucket, prefix: '' })).toEqual([]);
    });

    it('is gone on with by another client, and a part sent again replaces the first', async () => {
      const { store } = harness();
      const upload = await begin();
      await send(store, upload, 1, bodyOf('wrong'));
      const [found] = await store.listUploads({ bucket: upload.bucket, prefix: upload.key });
      expect(found).toMatchObject({ key: upload.key, uploadId: upload.uploadId });
      expect(Math.abs((found?.startedMs ?? 0) - Date.now())).toBeLessThan(60_000);
      const part = await send(store, { ...upload, uploadId: found?.uploadId ?? '' }, 1, bodyOf('right'));
      await store.completeUpload({ ...upload, parts: [part], ...whole(Buffer.from('right')), ifNoneMatch: '*' });
      expect((await readAll(store, upload.bucket, upload.key)).toString()).toBe('right');
    });

    it('does not replace an object that is there, and stays open', async () => {
      const { store } = harness();
      const upload = await begin();
      const part = await send(store, upload, 1, bodyOf('late'));
      await store.put({ bucket: upload.bucket, key: upload.key, body: bodyOf('foreign') });
      const error = await errorOf(store.completeUpload({ ...upload, parts: [part], ...whole(Buffer.from('late')), ifNoneMatch: '*' }));
      expect(error).toMatchObject({ code: 'TRB-CHUNK-CONFLICT', context: { httpStatus: 412 } });
      expect((await readAll(store, upload.bucket, upload.key)).toString()).toBe('foreign');
      expect(await store.listParts(upload)).toHaveLength(1);
    });

    it('lets exactly one of eight racing uploads win', async () => {
      const { store } = harness();
      const bucket = await newBucket(store);
      const uploads = await Promise.all(Array.from({ length: 8 }, () => begin('race', bucket)));
      const parts = await Promise.all(uploads.map((upload, n) => send(store, upload, 1, bodyOf(`writer ${n}`))));
      const outcomes = await Promise.allSettled(uploads.map((upload, n) =>
        store.completeUpload({ ...upload, parts: [parts[n] ?? { partNumber: 1, etag: '', crc32: 0 }], ...whole(Buffer.from(`writer ${n}`)), ifNoneMatch: '*' })));
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      for (const outcome of outcomes) if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'TRB-CHUNK-CONFLICT' });
    });

    it('refuses a part, and a whole, whose CRC32 is another', async () => {
      const { store } = harness();
      const upload = await begin();
      const damaged = await errorOf(store.uploadPart({ ...upload, partNumber: 1, body: { ...bodyOf('hello'), crc32: 12345 } }));
      expect(damaged).toMatchObject({ code: 'TRB-STORE-FAULT', context: { storeCode: 'BadDigest' } });
      expect(await store.listParts(upload)).toEqual([]);
      const part = await send(store, upload, 1, bodyOf('hello'));
      const wrong = await errorOf(store.completeUpload({ ...upload, parts: [part], sizeBytes: 5, crc32: 12345, ifNoneMatch: '*' }));
      expect(wrong.code).toBe('TRB-STORE-FAULT');
      expect(await store.head(upload)).toBeNull();
    });

    it('refuses parts that are too small, out of order, or not there', async () => {
      const { store, traits } = harness();
      const upload = await begin();
      const [first, second] = [await send(store, upload, 1, bodyOf('a')), await send(store, upload, 2, bodyOf('b'))];
      const complete = (parts: CompleteRequest['parts']): Promise<unknown> => store.completeUpload({ ...upload, parts, ...whole(Buffer.from('ab')), ifNoneMatch: '*' });
      expect((await errorOf(complete([second, first]))).code).toBe('TRB-STORE-REFUSED');
      expect((await errorOf(complete([{ ...second, partNumber: 9 }]))).code).toBe('TRB-NO-SUCH-KEY');
      if (traits.minPartBytes > 0) expect((await errorOf(complete([first, second]))).context.storeCode).toBe('EntityTooSmall');
      expect(await store.head(upload)).toBeNull();
    });

    it('lists more parts than fit on a page', async () => {
      const { store } = harness();
      const upload = await begin();
      const limit = pLimit(16);
      await Promise.all(Array.from({ length: 1005 }, (_, n) => limit(() => send(store, upload, n + 1, bodyOf(`part ${n + 1}`)))));
      const parts = await store.listParts(upload);
      expect(parts?.map(({ partNumber }) => partNumber)).toEqual(Array.from({ length: 1005 }, (_, n) => n + 1));
      expect(parts?.at(-1)).toMatchObject({ sizeBytes: 9, crc32: crc32('part 1005') });
      await store.abortUpload(upload);
    });

    it('lists open uploads of a prefix, several of one key too', async () => {
      const { store } = harness();
      const bucket = await newBucket(store);
      const uploads = [await begin('logs/a+b.log', bucket), await begin('logs/a+b.log', bucket), await begin('logs/ü x.log', bucket), await begin('other', bucket)];
      const found = await store.listUploads({ bucket, prefix: 'logs/' });
      expect(new Set(found.map(({ uploadId }) => uploadId))).toEqual(new Set(uploads.slice(0, 3).map(({ uploadId }) => uploadId)));
      expect(new Set(found.map(({ key }) => key))).toEqual(new Set(['logs/a+b.log', 'logs/ü x.log']));
    });

    it('aborts, twice too; then it is gone for every verb', async () => {
      const { store } = harness();
      const upload = await begin();
      const part = await send(store, upload, 1, bodyOf('x'));
      await store.abortUpload(upload);
      await store.abortUpload(upload);
      expect(await store.listParts(upload)).toBeNull();
      expect((await errorOf(store.uploadPart({ ...upload, partNumber: 1, body: bodyOf('x') }))).code).toBe('TRB-NO-SUCH-KEY');
      expect((await errorOf(store.completeUpload({ ...upload, parts: [part], ...whole(Buffer.from('x')), ifNoneMatch: '*' }))).code).toBe('TRB-NO-SUCH-KEY');
    });
  });
}
