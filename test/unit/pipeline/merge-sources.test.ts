/** Sources that cannot be read, or not to their end: what is kept of them, what is on record, and that retries obey it. */
import { setImmediate } from 'node:timers/promises';
import { gunzipSync, gzipSync, constants, zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { MergeCursor } from '../../../src/contracts/cursor.ts';
import type { MergeSpec } from '../../../src/contracts/merge.ts';
import { encodingOf } from '../../../src/core/keys.ts';
import { createRandom, type Random } from '../../../src/core/random.ts';
import { createDecoder } from '../../../src/pipeline/decode.ts';
import { wrongLength } from '../../../src/stores/classify.ts';
import { checkBatch, checkRequests, compressSome, type Expected } from '../../support/batch-checks.ts';
import { createRig, type Rig, type RigOptions } from '../../support/batch-rig.ts';
import type { Fault, StoreCall } from '../../support/memory-store.ts';
import { mortalConnection } from '../../support/mortal-connection.ts';
import { makeSources } from '../../support/numbered-lines.ts';
import { runs } from '../../support/runs.ts';

const answer = (httpStatus: number, storeCode: string): Error => Object.assign(new Error(storeCode), { httpStatus, storeCode });

/** The complete lines of `bytes`. */
function complete(bytes: Buffer): Buffer {
  return bytes.subarray(0, bytes.lastIndexOf(0x0a) + 1);
}

/** What can be decoded of a stored source, byte by byte; whether it ends well, and if not, whether it is only cut off. */
async function decodable(key: string, stored: Buffer): Promise<{ readonly bytes: Buffer; readonly isWhole: boolean; readonly isCutOff: boolean }> {
  const encoding = encodingOf(key);
  if (encoding !== 'gzip' && encoding !== 'zstd') return { bytes: stored, isWhole: true, isCutOff: false };
  const out: Buffer[] = [];
  const decoder = createDecoder(encoding, async (bytes) => { out.push(Buffer.from(bytes)); });
  let isRead = false;
  try {
    for (const byte of stored) await decoder.write(Uint8Array.of(byte));
    isRead = true;
    await decoder.end();
    return { bytes: Buffer.concat(out), isWhole: true, isCutOff: false };
  } catch {
    return { bytes: Buffer.concat(out), isWhole: false, isCutOff: isRead };
  } finally {
    decoder.destroy();
  }
}

const MAGIC: Partial<Record<string, Buffer>> = { gzip: Buffer.from([0x1f, 0x8b, 8]), zstd: Buffer.from([0x28, 0xb5, 0x2f, 0xfd]) };

/** What the longest row of whole members or frames at the start of a damaged source decodes to. @param sound as it was before */
async function wholeMembers(key: string, stored: Buffer, sound: Buffer): Promise<Buffer> {
  const magic = MAGIC[encodingOf(key)] ?? Buffer.alloc(0);
  let whole = Buffer.alloc(0);
  const ends = Array.from({ length: stored.length }, (_, at) => at).filter((at) => at > 0 && sound.subarray(at, at + magic.length).equals(magic));
  for (const end of ends) {
    const { bytes, isWhole } = await decodable(key, stored.subarray(0, end));
    if (isWhole) whole = Buffer.from(bytes);
  }
  return whole;
}

/** A read of one source breaks after `bytes` of it, and cannot be resumed. */
interface Break { readonly bytes: number; readonly error: Error }

interface Damaged {
  readonly stored: Map<string, Buffer>;
  readonly breaks: Map<string, Break>;
  readonly expected: { readonly decoded: Map<string, Buffer>; readonly outcomes: Map<string, 'partial' | 'failed'> };
}

const REASONS = [answer(412, 'PreconditionFailed'), answer(404, 'NoSuchKey'), answer(403, 'AccessDenied'), answer(403, 'InvalidObjectState')] as const;

/** Damages about a third of the sources: cut off, overwritten bytes, an unknown compression, or reads that break. */
async function damageSome(stored: ReadonlyMap<string, Buffer>, decoded: ReadonlyMap<string, Buffer>, random: Random): Promise<Damaged> {
  const damaged: Damaged = { stored: new Map(), breaks: new Map(), expected: { decoded: new Map(), outcomes: new Map() } };
  const { expected } = damaged;
  for (const [key, bytes] of stored) {
    const place = random.below(Math.max(1, bytes.length));
    const how = bytes.length > 0 && random.chance(0.35) ? random.pick(['break', 'break', 'cut', 'overwrite', 'unknown'] as const) : 'whole';
    if (how === 'unknown') {
      damaged.stored.set(`${key}.bz2`, bytes);
      expected.outcomes.set(`${key}.bz2`, 'failed');
      continue;
    }
    const isPlain = encodingOf(key) === 'plain';
    const readable = how === 'break' ? bytes.subarray(0, place) : bytes;
    const kept = how === 'cut' ? bytes.subarray(0, place) : Buffer.from(bytes);
    if (how === 'overwrite') kept.fill(0xff, place, Math.min(kept.length, place + 4));
    damaged.stored.set(key, how === 'break' ? bytes : kept);
    if (how === 'break') damaged.breaks.set(key, { bytes: place, error: random.pick(REASONS) });
    const result = await decodable(key, how === 'break' ? Buffer.from(readable) : kept);
    if (how === 'whole' || (result.isWhole && how !== 'break') || (isPlain && how !== 'break')) {
      expected.decoded.set(key, how === 'whole' ? decoded.get(key) ?? bytes : result.bytes);
      continue;
    }
    const right = how === 'break' || result.isCutOff ? result.bytes : await wholeMembers(key, kept, bytes);
    expected.decoded.set(key, complete(right));
    expected.outcomes.set(key, right.length === 0 ? 'failed' : 'partial');
  }
  return damaged;
}

/** Breaks the reads as said, for every reader alike. */
function breaking(rig: Rig, breaks: ReadonlyMap<string, Break>): (call: StoreCall) => Fault {
  const byKey = new Map([...breaks].map(([key, value]) => [rig.sourceKey(key), value]));
  return ({ operation, key, request }) => {
    const found = operation === 'readInto' ? byKey.get(key ?? '') : undefined;
    if (!found) return undefined;
    const { offset } = request as { offset: number };
    return offset >= found.bytes ? found.error : { cutAfterBytes: found.bytes - offset };
  };
}

async function expectKept(rig: Rig, cursor: MergeCursor, expected: Expected & Damaged['expected']): Promise<void> {
  expect(await checkBatch(rig, cursor, expected)).toEqual([]);
  const records = rig.failures();
  expect(new Set(records.map(({ row }) => row)).size).toBe(expected.outcomes.size);
  for (const { row, outcome, keep } of records) {
    const key = rig.rows[row]![0].slice(rig.spec.source.prefix.length);
    expect({ key, outcome }).toEqual({ key, outcome: expected.outcomes.get(key) });
    expect({ key, keep }).toEqual({ key, keep: expected.decoded.get(key)?.length ?? 0 });
  }
}

const anyCase = fc.record({
  seed: fc.nat(), sources: fc.integer({ min: 1, max: 20 }), partBytes: fc.integer({ min: 16, max: 500 }), crashes: fc.nat({ max: 3 }),
  chunk: fc.oneof<[fc.Arbitrary<MergeSpec['chunk']>, fc.Arbitrary<MergeSpec['chunk']>]>(
    fc.record({ lines: fc.integer({ min: 1, max: 200 }) }), fc.record({ bytes: fc.integer({ min: 1, max: 5000 }) })),
});

describe('sources that cannot be read to their end', () => {
  it('leave their complete lines, are on record once, and give the same after kills', async () => {
    await fc.assert(fc.asyncProperty(anyCase, async ({ seed, sources, partBytes, chunk, crashes }) => {
      const random = createRandom(seed);
      const made = compressSome(makeSources(seed, { sources, maxLines: 25, longLineBytes: 900, directories: ['', 'a/', 'b/'] }), seed);
      const { stored, breaks, expected } = await damageSome(made.stored, made.decoded, random);
      const rig = createRig({ sources: stored, partBytes, chunk });
      rig.store.setFault(breaking(rig, breaks));
      let from: MergeCursor | null = null;
      for (let crash = 0; crash < crashes; crash += 1) {
        const reported: [MergeCursor | null, ...(MergeCursor | null)[]] = [from];
        const connection = mortalConnection(rig.store, { diesAtCall: random.below(50 * (crash + 1)), actsAtDeath: random.chance(0.5) });
        await rig.call(from, { connection: connection.store, recovering: crash > 0, onCheckpoint: (cursor) => { reported.push(cursor); } })
          .catch((error: unknown) => { if (!connection.isDead()) throw error; });
        from = random.pick(reported);
      }
      const cursor = await rig.finish(from, { recovering: crashes > 0 });
      rig.store.setFault(undefined);
      await expectKept(rig, cursor, expected);
      // Where it was killed, a chunk that has become smaller may have left an upload that no cursor names: the end of the run aborts it.
      if (crashes === 0) expect(rig.store.openUploads()).toEqual([]);
    }), { numRuns: runs(80) });
  });

  it('finds of a cut-off gzip source what zlib finds', async () => {
    const packed = Buffer.concat([gzipSync('first\nmember\n'), gzipSync('second member, and then\nsome more of it\n')]);
    for (let length = 1; length < packed.length; length += 1) {
      const cut = packed.subarray(0, length);
      const { bytes } = await decodable('x.gz', cut);
      expect(bytes.equals(gunzipSync(cut, { finishFlush: constants.Z_SYNC_FLUSH }))).toBe(true);
    }
  });
});

const lines = (name: string, count: number): Buffer => Buffer.from(Array.from({ length: count }, (_, line) => `${name} ${line} ${'x'.repeat(line % 50)}\n`).join(''));

interface Case extends Partial<RigOptions> {
  readonly stored: Record<string, Buffer>;
  readonly decoded?: Record<string, Buffer>;
  readonly outcomes: Record<string, 'partial' | 'failed'>;
  readonly fault?: (rig: Rig) => (call: StoreCall) => Fault;
}

async function merged({ stored, decoded = {}, outcomes, fault, ...options }: Case): Promise<Rig> {
  const sources = new Map(Object.entries(stored));
  const rig = createRig({ sources, ...options });
  rig.store.setFault(fault?.(rig));
  const cursor = await rig.finish();
  rig.store.setFault(undefined);
  await expectKept(rig, cursor, { decoded: new Map([...sources, ...Object.entries(decoded)]), outcomes: new Map(Object.entries(outcomes)) });
  return rig;
}

describe('a large source', () => {
  const large = lines('large', 400_000);
  const RANGE = 8 * 2 ** 20;
  const part = { partBytes: 5 * 2 ** 20, chunk: { lines: 100_000 } };

  it('that is overwritten while it is read keeps its complete lines up to the range that had come', async () => {
    expect(large.length).toBeGreaterThan(RANGE);
    const rig = await merged({
      ...part, stored: { a: lines('a', 3), b: large, c: lines('c', 3) }, decoded: { b: complete(large.subarray(0, RANGE)) }, outcomes: { b: 'partial' },
      fault: (it) => ({ operation, key, request }) => (operation === 'readInto' && key === it.sourceKey('b') && (request as { offset: number }).offset > 0 ? answer(412, 'PreconditionFailed') : undefined),
    });
    expect(rig.failures()).toMatchObject([{ row: 1, uri: 's3://logs/in/b', outcome: 'partial', code: 'TRB-SOURCE-CHANGED', bytes: large.length, offset: RANGE }]);
  });

  it('that comes broken, cut and damaged is what it is in the end, wherever chunks and parts are cut', async () => {
    // Between half a slot and a whole one: read at once, so that its checksum shows the damage.
    const whole = large.subarray(0, 6_000_001);
    const seen = new Map<string, number>();
    for (const chunk of [{ lines: 33_333 }, { bytes: 1_300_000 }]) {
      seen.clear();
      await merged({
        chunk, partBytes: 2_500_000, stored: { a: whole, b: large, c: lines('c', 3) }, outcomes: {},
        fault: () => ({ operation, key = '', request }) => {
          if (operation !== 'readInto') return undefined;
          const { offset } = request as { offset: number };
          const tries = seen.get(`${key} ${Math.floor(offset / RANGE)}`) ?? 0;
          seen.set(`${key} ${Math.floor(offset / RANGE)}`, tries + 1);
          return ([key.endsWith('/a') ? 'damage' : { cutAfterBytes: 1 }, { cutAfterBytes: 777_777 }, { cutAfterBytes: 2_000_003 }] as const)[tries];
        },
      });
      expect([...seen.values()].filter((tries) => tries > 3)).toHaveLength(3);
    }
  });

  it('of gzip that is damaged behind its first range keeps what decodes before the damage', async () => {
    const packed = gzipSync(large, { level: 0 });
    const at = RANGE + 1_000_000;
    // A stored block begins with its type and length: nonsense there ends the decoding at once.
    packed.fill(0xff, at, at + 100_000);
    const damaged = await merged({
      ...part, stored: { 'a.gz': packed, b: lines('b', 3) }, decoded: { 'a.gz': await prefixOf('a.gz', packed, large) }, outcomes: { 'a.gz': 'partial' },
    });
    expect(damaged.failures()[0]!.keep).toBeGreaterThan(RANGE);
  });
});

/** The complete lines that decode before the damage, found by a decoder that is fed 64 bytes at a time. */
async function prefixOf(key: string, packed: Buffer, _: Buffer): Promise<Buffer> {
  const out: Buffer[] = [];
  const decoder = createDecoder(encodingOf(key) === 'gzip' ? 'gzip' : 'zstd', async (bytes) => { out.push(Buffer.from(bytes)); });
  let fed = 0;
  try {
    for (; fed < packed.length; fed += 65_536) await decoder.write(packed.subarray(fed, fed + 65_536));
  } catch {
    // Found the step: now byte by byte.
  }
  out.length = 0;
  const second = createDecoder(encodingOf(key) === 'gzip' ? 'gzip' : 'zstd', async (bytes) => { out.push(Buffer.from(bytes)); });
  try {
    if (fed > 0) await second.write(packed.subarray(0, fed));
    for (let at = fed; at < packed.length; at += 1) await second.write(packed.subarray(at, at + 1));
  } catch {
    // The damage.
  }
  return complete(Buffer.concat(out));
}

describe('failures', () => {
  it('before the first byte leave nothing of a source', async () => {
    const rig = await merged({
      stored: { a: lines('a', 3), b: lines('b', 3), c: lines('c', 3), d: lines('d', 3), 'e.bz2': lines('e', 3), f: lines('f', 3) },
      outcomes: { b: 'failed', c: 'failed', d: 'failed', 'e.bz2': 'failed' }, decoded: { b: Buffer.alloc(0), c: Buffer.alloc(0), d: Buffer.alloc(0), 'e.bz2': Buffer.alloc(0) },
      fault: (it) => {
        it.store.seed('logs', it.sourceKey('b'), 'another version\n');
        void it.store.delete({ bucket: 'logs', key: it.sourceKey('c') });
        return ({ operation, key }) => (operation === 'readInto' && key === it.sourceKey('d') ? answer(403, 'AccessDenied') : undefined);
      },
    });
    expect(rig.failures().map(({ uri, code, offset, keep }) => [uri, code, offset, keep])).toEqual([
      ['s3://logs/in/b', 'TRB-SOURCE-CHANGED', 0, 0], ['s3://logs/in/c', 'TRB-SOURCE-GONE', 0, 0],
      ['s3://logs/in/d', 'TRB-SOURCE-DENIED', 0, 0], ['s3://logs/in/e.bz2', 'TRB-SOURCE-ENCODING', 0, 0],
    ]);
  });

  it('are those of sources that stay of another length than they were listed, although their ETag fits', async () => {
    const rig = await merged({
      stored: { a: lines('a', 3), b: lines('b', 3), c: lines('c', 3) }, outcomes: { b: 'failed' }, decoded: { b: Buffer.alloc(0) },
      fault: (it) => ({ operation, bucket, key }) => operation === 'readInto' && key === it.sourceKey('b') ? wrongLength({ store: 'default', bucket, key, operation }, '9 bytes where 5 were asked for', 200) : undefined,
    });
    expect(rig.failures().map(({ uri, code, reason }) => [uri, code, reason])).toEqual([['s3://logs/in/b', 'TRB-SOURCE-CHANGED', expect.stringContaining('although its ETag is the same')]]);
  });

  it('of compressed data keep the complete lines before them where it is cut off, or is large', async () => {
    const text = lines('text', 60_000);
    const gz = gzipSync(text);
    const zst = zstdCompressSync(text);
    const inTheMiddle = Buffer.from(gz);
    inTheMiddle.fill(0xff, gz.length - 1000, gz.length - 980);
    const stored = { 'a.gz': gz.subarray(0, -500), 'b.zst': zst.subarray(0, -10_000), 'c.gz': inTheMiddle, 'd.gz': Buffer.from('no gzip at all\n'), e: lines('e', 2) };
    const kept = Object.fromEntries(await Promise.all(Object.entries(stored).map(async ([key, bytes]) => [key, encodingOf(key) === 'plain' ? bytes : complete((await decodable(key, bytes)).bytes)] as const)));
    const rig = await merged({ stored, decoded: kept, outcomes: { 'a.gz': 'partial', 'b.zst': 'partial', 'c.gz': 'partial', 'd.gz': 'failed' }, chunk: { lines: 3000 }, partBytes: 20_000 });
    expect(kept['c.gz']!.length).toBeGreaterThan(1000);
    expect(rig.failures().map(({ code }) => code)).toEqual(Array.from({ length: 4 }, () => 'TRB-SOURCE-CORRUPT'));
  });

  it.each([
    ['gzip', 'gz', (text: Buffer) => gzipSync(text, { level: 0 })], ['zstd', 'zst', (text: Buffer) => zstdCompressSync(text, { params: { [constants.ZSTD_c_checksumFlag]: 1, [constants.ZSTD_c_compressionLevel]: 1 } })],
  ])('of small %s data keep nothing where a byte of it is another: only the checksum at its end tells', async (_, extension, compress) => {
    const text = Buffer.from('alpha 1\nbravo 2\ncharlie 3\n');
    const damaged = compress(text);
    const at = damaged.indexOf('bravo');
    expect(at).toBeGreaterThan(0);
    damaged[at] = 0x42;
    const beforeGarbage = Buffer.concat([compress(text), Buffer.from('no member')]);
    const rig = await merged({
      stored: { [`a.${extension}`]: damaged, [`b.${extension}`]: compress(text), [`c.${extension}`]: beforeGarbage, [`d.${extension}`]: compress(text).subarray(0, -2), e: text },
      decoded: { [`a.${extension}`]: Buffer.alloc(0), ...Object.fromEntries(['b', 'c', 'd'].map((name) => [`${name}.${extension}`, text])) },
      outcomes: { [`a.${extension}`]: 'failed', [`c.${extension}`]: 'partial', [`d.${extension}`]: 'partial' },
    });
    expect(rig.failures().map(({ keep }) => keep).sort((a, b) => a - b)).toEqual([0, text.length, text.length]);
  });

  it('that come far behind what an archive holds have no more than the start of it read again', async () => {
    const text = lines('text', 5);
    const rig = await merged({
      stored: { 'a.gz': Buffer.concat([gzipSync(text), Buffer.alloc(20 * 2 ** 20), Buffer.from('no padding')]), b: lines('b', 2) }, decoded: { 'a.gz': text }, outcomes: { 'a.gz': 'partial' },
    });
    const again = rig.store.log.flatMap(({ operation, request }) => (operation === 'readInto' ? [request as { readonly offset: number; readonly lengthBytes: number }] : [])).filter(({ offset }) => offset === 0);
    expect(Math.max(...again.map(({ lengthBytes }) => lengthBytes))).toBeLessThanOrEqual(16 * 2 ** 20);
  });

  it('within a line of which parts were sent already have the chunk written again, without that line', async () => {
    const before = lines('before', 40);
    const broken = Buffer.concat([lines('b', 20), Buffer.alloc(3000, 'y')]);
    const rig = await merged({
      partBytes: 256, chunk: { lines: 200 }, stored: { a: before, b: Buffer.concat([broken, Buffer.from('end\n')]), c: lines('c', 200) },
      decoded: { b: lines('b', 20) }, outcomes: { b: 'partial' },
      fault: (it) => breaking(it, new Map([['b', { bytes: broken.length, error: answer(412, 'PreconditionFailed') }]])),
    });
    expect(rig.store.openUploads()).toEqual([]);
  });

  it('that have a chunk written again let the call end all the same where its uploads fail for good meanwhile', async () => {
    const broken = Buffer.concat([lines('b', 20), Buffer.alloc(3000, 'y')]);
    const rig = createRig({ partBytes: 256, chunk: { lines: 20 }, sources: new Map([['a', lines('a', 120)], ['b', Buffer.concat([broken, Buffer.from('end\n')])]]) });
    const breaks = breaking(rig, new Map([['b', { bytes: broken.length, error: answer(412, 'PreconditionFailed') }]]));
    // More chunks wait for an upload than may have one, until the break is on record and what it asks for is under way.
    rig.store.setFault(async (call) => {
      if (call.operation !== 'uploadPart') return breaks(call);
      while (rig.failures().length === 0) await setImmediate();
      for (let turn = 0; turn < 20; turn += 1) await setImmediate();
      return answer(403, 'AccessDenied');
    });
    await expect(rig.call()).rejects.toMatchObject({ code: 'TRB-ACCESS-DENIED' });
    expect(rig.slab.heldBytes).toBe(0);
  });

  it('end the run at the first one where that is asked for, now and on a retry', async () => {
    const rig = createRig({ sources: new Map([['a', lines('a', 3)], ['b', lines('b', 3)], ['c', lines('c', 3)]]) });
    await rig.store.delete({ bucket: 'logs', key: rig.sourceKey('b') });
    const stopped = { code: 'TRB-SOURCE-GONE', message: expect.stringContaining('in/b'), context: { bucket: 'logs', key: 'in/b' } };
    await expect(rig.call(null, { onError: 'stop' })).rejects.toMatchObject(stopped);
    expect(rig.failures()).toHaveLength(1);
    await expect(rig.call(null, { onError: 'stop', recovering: true })).rejects.toMatchObject(stopped);
    expect(rig.slab.heldBytes).toBe(0);
  });

  it('hold on a retry, also where the source can be read again', async () => {
    const rig = createRig({ sources: new Map([['a', lines('a', 3)], ['b', lines('b', 9)], ['c', lines('c', 3)]]) });
    rig.store.setFault(breaking(rig, new Map([['b', { bytes: lines('b', 4).length + 2, error: answer(403, 'AccessDenied') }]])));
    await rig.call();
    rig.store.setFault(undefined);
    // As if nothing of it had been heard: another call begins at the start.
    const { cursor } = await rig.call(null, { recovering: true });
    await expectKept(rig, cursor, { decoded: new Map([['a', lines('a', 3)], ['b', lines('b', 4)], ['c', lines('c', 3)]]), outcomes: new Map([['b', 'partial']]) });
  });

  it('are recorded again with less where a retry cannot read as much', async () => {
    const sources = new Map([['a', lines('a', 3)], ['b', lines('b', 9)], ['c', lines('c', 3)]]);
    const rig = createRig({ sources, chunk: { lines: 1000 } });
    rig.store.setFault(breaking(rig, new Map([['b', { bytes: lines('b', 4).length + 2, error: answer(403, 'AccessDenied') }]])));
    // It dies with the record written and nothing published.
    const connection = mortalConnection(rig.store, { diesAtCall: Infinity, actsAtDeath: false });
    const dying = { ...connection.store, put: (request: Parameters<typeof connection.store.put>[0]) => (request.key.includes('/failures/') ? connection.store.put(request) : Promise.reject(answer(501, 'NotImplemented'))) };
    await expect(rig.call(null, { connection: dying })).rejects.toThrow();
    expect(rig.failures()).toMatchObject([{ keep: lines('b', 4).length }]);
    rig.store.setFault(breaking(rig, new Map([['b', { bytes: lines('b', 2).length + 2, error: answer(404, 'NoSuchKey') }]])));
    const { cursor } = await rig.call(null, { recovering: true });
    rig.store.setFault(undefined);
    expect(rig.failures().map(({ keep, outcome }) => [keep, outcome]).sort()).toEqual([[lines('b', 2).length, 'partial'], [lines('b', 4).length, 'partial']]);
    expect(await checkBatch(rig, cursor, { decoded: new Map([...sources, ['b', lines('b', 2)]]), outcomes: new Map([['b', 'partial']]) })).toEqual([]);
    // And a third time, from the start, with everything readable: the smaller one holds.
    const again = await rig.call(null, { recovering: true });
    expect(await checkBatch(rig, again.cursor, { decoded: new Map([...sources, ['b', lines('b', 2)]]), outcomes: new Map([['b', 'partial']]) })).toEqual([]);
  });

  it('of sources that are taken as they are do not exist: nothing is decoded', async () => {
    const stored = { 'a.gz': Buffer.from('no gzip\n'), 'b.bz2': Buffer.from('no bzip2\n') };
    const rig = await merged({ stored, outcomes: {}, input: 'none' });
    expect(checkRequests(rig)).toEqual([]);
  });
});

it('sources whose chunk would have a key of more than 1,024 bytes are failed and not read, and the rest is merged', async () => {
  const dir = `${'d'.repeat(250)}/`.repeat(4);
  const decoded = new Map([['a/1.log', Buffer.from('1\n')], ['z/1.log', Buffer.from('3\n')]]);
  const rig = createRig({ sources: new Map([...decoded, [`${dir}x.log`, Buffer.from('2\n')], [`${dir}y.log.gz`, gzipSync('2\n')]]) });
  const cursor = await rig.finish();
  expect(await checkBatch(rig, cursor, { decoded, outcomes: new Map([[`${dir}x.log`, 'failed'], [`${dir}y.log.gz`, 'failed']]) })).toEqual([]);
  expect(rig.failures().map(({ uri, code, outcome }) => [uri, code, outcome])).toEqual(['x.log', 'y.log.gz'].map((name) => [`s3://logs/in/${dir}${name}`, 'TRB-SOURCE-KEY', 'failed']));
  expect(cursor.tally.requests.get).toBe(2);
});
