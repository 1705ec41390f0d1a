import { describe, expect, it } from '@jest/globals';
import { crc32 } from '@node-rs/crc32';
import fc from 'fast-check';
import { FormingPart } from '../../../src/pipeline/forming-part.ts';
import { HOT_BYTES } from '../../../src/pipeline/landing.ts';
import { Slab, SLOT_BYTES, type Slot } from '../../../src/pipeline/slab.ts';

/** Slots whose bytes differ from one another and along the way. */
async function slots(count: number): Promise<{ readonly slab: Slab; readonly held: Slot[] }> {
  const slab = new Slab(count * SLOT_BYTES);
  const reservation = await slab.reserve(count, new AbortController().signal);
  const held = Array.from({ length: count }, (_, number) => {
    const slot = reservation.tryAcquire()!;
    const { bytes, start } = slot.take(0);
    slot.release();
    for (let at = 0; at < SLOT_BYTES; at += 4) bytes[start + at] = (at >> 8) + number;
    return slot;
  });
  return { slab, held };
}

describe('a part that forms', () => {
  it('is what was put in and not taken back, with its CRC32, and lets go of every slot', async () => {
    const { slab, held } = await slots(2);
    const step = fc.record({ slot: fc.nat(1), bytes: fc.integer({ min: 1, max: HOT_BYTES * 2 }), back: fc.double({ min: 0, max: 1, noNaN: true }), takesBack: fc.boolean(), isSummed: fc.boolean() });
    fc.assert(fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      const part = new FormingPart();
      let expected = Buffer.alloc(0);
      const used = [0, 0];
      for (const { slot, bytes, back, takesBack, isSummed } of steps) {
        // Pieces of one slot may lie one behind the other, or not.
        const from = used[slot]! + (bytes % 2);
        if (from + bytes > SLOT_BYTES) continue;
        used[slot] = from + bytes;
        held[slot]!.retain();
        const memory = held[slot]!.take(0);
        memory.slot.release();
        const start = held[slot]!.offset + from;
        part.push({ slot: held[slot]!, start, end: start + bytes, bytes: memory.bytes }, isSummed ? crc32(memory.bytes.subarray(start, start + bytes)) : undefined);
        expected = Buffer.concat([expected, memory.bytes.subarray(start, start + bytes)]);
        if (!takesBack) continue;
        const left = Math.floor(expected.length * back);
        part.takeBack(expected.length - left);
        expected = expected.subarray(0, left);
      }
      const body = part.body();
      expect(body.sizeBytes).toBe(expected.length);
      expect(Buffer.concat(body.views).equals(expected)).toBe(true);
      expect(body.crc32).toBe(crc32(expected));
      part.release();
    }), { numRuns: 60 });
    for (const slot of held) slot.release();
    expect(slab.heldBytes).toBe(0);
  });

  it('cannot give back more than it holds', () => {
    expect(() => { new FormingPart().takeBack(1); }).toThrow('taken back');
  });
});
