/** Sources of which another run has merged the beginning. */
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { crc32 } from '@node-rs/crc32';
import { describe, expect, it } from '@jest/globals';
import { prefixCrc32 } from '../../../src/pipeline/salvage.ts';
import { checkBatch } from '../../support/batch-checks.ts';
import { createRig } from '../../support/batch-rig.ts';

const TEXT = Buffer.from(Array.from({ length: 20_000 }, (_, at) => `line ${at} ${Math.imul(at + 7, 0x9e3779b1) >>> 0}\n`).join(''));

describe('the rest of a source', () => {
  it('is merged from where it begins; one that is refused stays partial, with what is known of it', async () => {
    const sources = new Map([['a.log', Buffer.from('1\n2\n3')], ['b.log.gz', gzipSync('4\n5\n')], ['c.log.zst', zstdCompressSync('6\n7\n')], ['d.log', Buffer.from('8\n')], ['e.log', Buffer.from('9\n')]]);
    const rig = createRig({
      sources, rest: new Map([['a.log', { from: 2 }], ['b.log.gz', { from: 4 }], ['c.log.zst', { from: 2, crc32: 7, refused: 'begins with something else' }], ['d.log', { from: 2, refused: 'begins with something else' }]]),
    });
    const cursor = await rig.finish();
    const empty = Buffer.alloc(0);
    const decoded = new Map([['a.log', Buffer.from('2\n3')], ['b.log.gz', empty], ['c.log.zst', empty], ['d.log', empty], ['e.log', Buffer.from('9\n')]]);
    expect(await checkBatch(rig, cursor, { decoded, outcomes: new Map([['c.log.zst', 'partial'], ['d.log', 'partial']]) })).toEqual([]);
    const record = { outcome: 'partial', code: 'TRB-SOURCE-REST', keep: 2, offset: 2 };
    expect(rig.failures()).toEqual([
      expect.objectContaining({ ...record, crc32: 7, etag: rig.rows[2]![2], reason: `s3://logs/${rig.sourceKey('c.log.zst')} begins with something else` }), expect.objectContaining(record),
    ]);
    expect(rig.store.log.filter(({ operation, key }) => operation === 'readInto' && /[cd]\.log/.test(key ?? ''))).toEqual([]);
  });

  it('can be told of a mended source, because the record of a damaged one knows the CRC of what was kept', async () => {
    for (const compress of [gzipSync, zstdCompressSync]) {
      const name = compress === gzipSync ? 'a.log.gz' : 'a.log.zst';
      const whole = compress(TEXT);
      const rig = createRig({ sources: new Map([[name, whole.subarray(0, whole.length / 2)]]), chunk: { lines: 100_000 } });
      await rig.finish();
      const [record] = rig.failures();
      expect(record).toMatchObject({ outcome: 'partial', code: 'TRB-SOURCE-CORRUPT', etag: rig.rows[0]![2], crc32: crc32(TEXT.subarray(0, record!.keep)) });
      expect(record!.keep).toBeGreaterThan(1000);
    }
  });
});

describe('prefixCrc32', () => {
  const sumOf = (stored: Buffer, prefixBytes: number): Promise<number | null> => prefixCrc32({
    encoding: 'gzip', sizeBytes: stored.length, prefixBytes, read: async (offset, into) => { stored.copy(into, 0, offset, offset + into.length); },
  });

  it('is that of the first decoded bytes, also of a damaged source, and null where there are fewer', async () => {
    const whole = gzipSync(TEXT);
    const expected = crc32(TEXT.subarray(0, 20_000));
    expect(await sumOf(whole, 20_000)).toBe(expected);
    expect(await sumOf(Buffer.concat([whole.subarray(0, whole.length - 500), Buffer.alloc(500, 0xff)]), 20_000)).toBe(expected);
    expect(await sumOf(whole, TEXT.length)).toBe(crc32(TEXT));
    expect(await sumOf(whole, TEXT.length + 1)).toBeNull();
    expect(await sumOf(Buffer.from('not gzip'), 1)).toBeNull();
  });
});
