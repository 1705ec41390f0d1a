import { SLOT_BYTES } from './slab.ts';

/**
 * Slots that a part takes whose bytes were all copied: as many as its bytes fill, and one that a part before it had begun. The
 * prefetch leaves them free, so that what is decoded and copied always finds room.
 */
export function denseSlots(partBytes: number): number {
  return Math.ceil(partBytes / SLOT_BYTES) + 1;
}

/**
 * Slots that a call needs so that it can never wait for itself. The part that forms may hold, beside room that copies begun: one slot
 * with the rest of a piece that the part before it ended in, and pieces that stay where they landed, which fill half of their slots: each does,
 * or two neighbouring slots hold more than one could. To these come the room that is kept for copies, and a slot for the source that is read next.
 */
export function slotsPerCall(partBytes: number): number {
  const forming = 2 * Math.ceil(partBytes / SLOT_BYTES) + 2;
  return forming + denseSlots(partBytes) + 1;
}
