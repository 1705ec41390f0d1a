import { describe, expect, it } from '@jest/globals';
import type { ObjectStore } from '../../../src/stores/object-store.ts';
import { bodyOf, errorOf, newBucket, type Harness } from './harness.ts';

export function describeAccess(harness: () => Harness): void {
  describe('access', () => {
    const read = (store: ObjectStore, bucket: string): Promise<unknown> =>
      store.readInto({ bucket, key: 'k', ifMatch: '"x"', offset: 0, lengthBytes: 1, sizeBytes: 1 }, Buffer.alloc(1));

    it('names the permission that is missing; a source that may not be read is an error of that source', async () => {
      const { store, stranger } = harness();
      if (!stranger) return;
      const bucket = await newBucket(store);
      await store.put({ bucket, key: 'k', body: bodyOf('x') });
      const denied = {
        's3:ListBucket': () => stranger.list({ bucket, prefix: '' }),
        's3:GetObject': () => stranger.get({ bucket, key: 'k' }),
        's3:PutObject': () => stranger.put({ bucket, key: 'k2', body: bodyOf('x') }),
        's3:DeleteObject': () => stranger.delete({ bucket, key: 'k' }),
      };
      for (const [permission, call] of Object.entries(denied)) {
        const error = await errorOf(call());
        expect(error.code).toBe('TRB-ACCESS-DENIED');
        expect(error.message).toContain(permission);
        expect(error.message).toContain(bucket);
      }
      expect((await errorOf(stranger.headBucket(bucket))).code).toBe('TRB-ACCESS-DENIED');
      expect((await errorOf(stranger.createUpload({ bucket, key: 'k' }))).code).toBe('TRB-ACCESS-DENIED');
      expect((await errorOf(read(stranger, bucket))).code).toBe('TRB-SOURCE-DENIED');
    });

    it('tells wrong credentials from everything else, also where the answer has no body', async () => {
      const { store, unknownKey, wrongSecret } = harness();
      const bucket = await newBucket(store);
      await store.put({ bucket, key: 'k', body: bodyOf('x') });
      for (const bad of [unknownKey, wrongSecret]) {
        if (!bad) continue;
        for (const call of [() => bad.headBucket(bucket), () => bad.list({ bucket, prefix: '' }), () => bad.put({ bucket, key: 'new', body: bodyOf('x') }), () => read(bad, bucket)]) {
          const error = await errorOf(call());
          expect(error.code).toBe('TRB-BAD-CREDENTIALS');
          expect(error.message).not.toContain('secret-of');
        }
      }
    });
  });
}
