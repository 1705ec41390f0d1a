/** How many slots a merge needs, and what it copies. */
import { describe, expect, it } from '@jest/globals';
import { gunzipSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { createRandom } from '../../../src/core/random.ts';
import { slotsPerCall } from '../../../src/pipeline/call-slots.ts';
import { Packer } from '../../../src/pipeline/packer.ts';
import { IN_PLACE_BYTES, Slab, SLOT_BYTES, type Piece } from '../../../src/pipeline/slab.ts';
import type { ReadRequest } from '../../../src/stores/object-store.ts';
import { checkBatch } from '../../support/batch-checks.ts';
import { createRig, SOURCE_BUCKET, type Rig } from '../../support/batch-rig.ts';

const MIB = 2 ** 20;
const PART_BYTES = 5 * MIB;

/** Long lines, the last of which ends or does not. */
function plain(sizeBytes: number, seed: number, ends = true): Buffer {
  const bytes = Buffer.alloc(sizeBytes, `${'long '.repeat(1000)}line of source ${seed}\n`);
  bytes[sizeBytes - 1] = ends ? 0x0a : 0x78;
  return bytes;
}

/** A comment (RFC 1952, FCOMMENT) of nothing. */
function commented(sizeBytes: number): Buffer {
  const member = gzipSync('');
  const head = Buffer.from(member.subarray(0, 10));
  head[3] = 0x10;
  return Buffer.concat([head, Buffer.alloc(sizeBytes, 'x'), Buffer.of(0), member.subarray(10)]);
}

const name = (index: number): string => String(index).padStart(4, '0');

function expectOnly(rig: Rig, pieces: readonly Buffer[]): void {
  expect(Buffer.concat([...rig.outputs().values()]).equals(Buffer.concat(pieces))).toBe(true);
  expect(rig.slab.heldBytes).toBe(0);
}

describe.each([
  { how: 'reads ahead', allows: true },
  { how: 'sends one request at a time', allows: false },
])('a merge with the slots of one call that $how', ({ allows }) => {
  /** Slots for one call, and no more. */
  const slabFor = (partBytes: number): Slab => new Slab(slotsPerCall(partBytes) * SLOT_BYTES, { allows: () => allows });
  const tightRig = (sources: ReadonlyMap<string, Buffer>): Rig => createRig({ sources, slab: slabFor(PART_BYTES), partBytes: PART_BYTES, chunk: { lines: 10_000_000 } });

  it.each([
    { what: 'plain ones', suffix: '', between: (seed: number) => plain(SLOT_BYTES - 5000, seed) },
    { what: 'plain ones that lack their last newline', suffix: '', between: (seed: number) => plain(SLOT_BYTES - 5000, seed, false) },
    { what: 'compressed ones of nothing', suffix: '.gz', between: () => commented(SLOT_BYTES - 5000) },
  ])('never waits for itself where small sources lie between large ones: $what', async ({ suffix, between }) => {
    const sources = new Map(Array.from({ length: 30 }, (_, index) => (index % 2 === 0 ? [name(index), plain(10_000, index)] : [`${name(index)}${suffix}`, between(index)])));
    const decoded = new Map([...sources].map(([key, bytes]) => [key, key.endsWith('.gz') ? gunzipSync(bytes) : bytes]));
    const rig = tightRig(sources);
    expect(await checkBatch(rig, await rig.finish(), { decoded })).toEqual([]);
  }, 60_000);

  it('never waits for itself where small sources lie between large ones that were changed', async () => {
    const sources = new Map(Array.from({ length: 60 }, (_, index) => [name(index), plain(index % 2 === 0 ? 10_000 : SLOT_BYTES - 5000, index)]));
    const rig = tightRig(sources);
    for (let index = 1; index < 60; index += 2) rig.store.seed(SOURCE_BUCKET, rig.sourceKey(name(index)), Buffer.from('another version\n'));
    expect(await rig.finish()).toMatchObject({ done: true, tally: { doneObjects: 30, failedObjects: 30 } });
    expect(Buffer.concat([...rig.outputs().values()]).equals(Buffer.concat([...sources.values()].filter((_, index) => index % 2 === 0)))).toBe(true);
  }, 60_000);

  it('never waits for itself where small sources lie between compressed ones that break off in a long line', async () => {
    const zipped = gzipSync(Buffer.alloc(4.8 * MIB, 'x'));
    const broken = zipped.subarray(0, zipped.length - 12);
    const sources = new Map(Array.from({ length: 60 }, (_, index) => (index % 2 === 0 ? [name(index), plain(100, index)] : [`${name(index)}.gz`, broken])));
    const rig = tightRig(sources);
    expect(await rig.finish()).toMatchObject({ done: true, tally: { doneObjects: 30, partialObjects: 30 } });
    expectOnly(rig, [...sources.entries()].filter(([key]) => !key.endsWith('.gz')).map(([, bytes]) => bytes));
  }, 60_000);

  it('never waits for itself where large, small and broken compressed sources take turns in large parts', async () => {
    const partBytes = 48 * MIB;
    const zipped = gzipSync(Buffer.alloc(SLOT_BYTES - 5000, 'x'));
    const broken = zipped.subarray(0, zipped.length - 12);
    const sources = new Map(Array.from({ length: 60 }, (_, index) => (index % 3 === 2 ? [`${name(index)}.gz`, broken] : [name(index), plain(index % 3 === 0 ? IN_PLACE_BYTES : 1000, index)])));
    const rig = createRig({ sources, slab: slabFor(partBytes), partBytes, chunk: { lines: 10_000_000 } });
    expect(await rig.finish()).toMatchObject({ done: true, tally: { doneObjects: 40, partialObjects: 20 } });
    expectOnly(rig, [...sources.entries()].filter(([key]) => !key.endsWith('.gz')).map(([, bytes]) => bytes));
  }, 60_000);

  it.each([
    { what: 'in a long line', first: 6, cut: 4_900_000 },
    { what: 'at a line end', first: 6, cut: 6 },
    { what: 'after half of what fits', first: 3 * MIB, cut: 4_900_000 },
  ])('never waits for itself where plain sources break off $what', async ({ first, cut }) => {
    const kept = plain(first, 1);
    const source = Buffer.concat([kept, Buffer.alloc(5_000_000 - first, 'x'), Buffer.from('\n')]);
    const rig = tightRig(new Map(Array.from({ length: 30 }, (_, index) => [name(index), source])));
    rig.store.setFault(({ operation, request }) => {
      if (operation !== 'readInto') return undefined;
      // What follows the break is not there any more.
      return (request as ReadRequest).offset > 0 ? Object.assign(new Error('gone'), { httpStatus: 404, Code: 'NoSuchKey' }) : { cutAfterBytes: cut };
    });
    expect(await rig.finish()).toMatchObject({ done: true, tally: { partialObjects: 30 } });
    expectOnly(rig, Array.from({ length: 30 }, () => kept));
  }, 60_000);

  it('never waits for itself where most of what is decoded was merged before', async () => {
    const rest = Buffer.from('the rest\n');
    const zipped = gzipSync(Buffer.concat([plain(5 * MIB, 1), rest]));
    const keys = Array.from({ length: 40 }, (_, index) => `${name(index)}.gz`);
    const rig = createRig({
      sources: new Map(keys.map((key) => [key, zipped])), rest: new Map(keys.map((key) => [key, { from: 5 * MIB }])),
      slab: slabFor(PART_BYTES), partBytes: PART_BYTES, chunk: { lines: 10_000_000 },
    });
    expect(await checkBatch(rig, await rig.finish(), { decoded: new Map(keys.map((key) => [key, rest])) })).toEqual([]);
  }, 60_000);

  it('never waits for itself where little is kept of what is decoded', async () => {
    const zipped = gzipSync(Buffer.concat([Buffer.from('kept\n'), Buffer.alloc(600_000, 'x')]));
    const rig = tightRig(new Map(Array.from({ length: 400 }, (_, index) => [`${name(index)}.gz`, zipped])));
    for (const [row, [key, bytes, etag]] of rig.rows.entries()) {
      rig.addFailure({ row, uri: `s3://${SOURCE_BUCKET}/${key}`, outcome: 'partial', code: 'TRB-SOURCE-CORRUPT', reason: 'it is damaged', bytes, offset: bytes, keep: 5, etag });
    }
    expect(await rig.finish()).toMatchObject({ done: true, tally: { partialObjects: 400 } });
    expectOnly(rig, Array.from({ length: 400 }, () => Buffer.from('kept\n')));
  }, 60_000);

  it('takes sources of any size, in any order', async () => {
    const random = createRandom(5);
    const sizes: readonly [number, ...number[]] = [1, 10_000, 100_000, MIB, 3 * MIB, IN_PLACE_BYTES - 1, IN_PLACE_BYTES, 5 * MIB, SLOT_BYTES, SLOT_BYTES + 1, 17 * MIB];
    const sources = new Map(Array.from({ length: 60 }, (_, index) => [name(index), plain(random.pick(sizes), index, index < 40 || random.chance(0.5))]));
    const rig = tightRig(sources);
    expect(await checkBatch(rig, await rig.finish(), { decoded: sources })).toEqual([]);
  }, 60_000);
});

describe('small pieces', () => {
  async function withPacker(body: (packer: Packer, landed: (sizeBytes: number) => Piece) => void | Promise<void>): Promise<void> {
    const { signal } = new AbortController();
    const reservation = await new Slab(4 * SLOT_BYTES).reserve(4, signal);
    const slot = reservation.tryAcquire()!;
    const packer = new Packer(reservation, signal);
    await body(packer, (sizeBytes) => slot.take(sizeBytes));
    packer.release();
    slot.release();
    reservation.end();
  }

  function place(packer: Packer, piece: Piece): { readonly stays: boolean } {
    let stays = false;
    const delay = packer.place(piece, (placed) => {
      stays = placed === piece;
      placed.slot.release();
      return undefined;
    });
    if (delay) throw new Error('there was room');
    return { stays };
  }

  it('stay where they landed, until something comes between them', async () => {
    await withPacker(async (packer, landed) => {
      expect(place(packer, landed(100))).toEqual({ stays: true });
      await packer.pack(Uint8Array.of(0x0a), (newline) => { newline.slot.release(); return undefined; });
      expect(place(packer, landed(100))).toEqual({ stays: false });
      expect(place(packer, landed(IN_PLACE_BYTES))).toEqual({ stays: true });
    });
    await withPacker(async (packer, landed) => {
      packer.packSmall();
      await packer.pack(Uint8Array.of(0x0a), (newline) => { newline.slot.release(); return undefined; });
      expect(place(packer, landed(100))).toEqual({ stays: false });
    });
  });
});

it('what is held of a source of many short zstd frames takes about its own size, and not the room of a decoder for each', async () => {
  const frames = Array.from({ length: 1500 }, (_, index) => Buffer.from(`a line of its own ${index}\n`));
  const rig = createRig({ sources: new Map([['a.log.zst', Buffer.concat(frames.map((frame) => zstdCompressSync(frame)))]]), chunk: { lines: 10_000 } });
  const before = process.memoryUsage().arrayBuffers;
  let most = 0;
  const { cursor } = await rig.call(null, { onCheckpoint: () => { most = Math.max(most, process.memoryUsage().arrayBuffers - before); } });
  expect(await checkBatch(rig, cursor, { decoded: new Map([['a.log.zst', Buffer.concat(frames)]]) })).toEqual([]);
  expect(most).toBeLessThan(150 * MIB);
});
