/**
 * Room for bytes that are copied into the slab: decoded ones, those of small sources, and added newlines. It owns the slot that
 * is being filled. What is packed lies without gaps, so a part never holds many slots for few bytes.
 */
import { viewOf, type Piece, type Reservation, type Slot } from './slab.ts';
import { orAborted, type Delay } from './waiting.ts';

export class Packer {
  readonly #reservation: Reservation;
  readonly #signal: AbortSignal;
  #slot: Slot | null = null;

  /** @param signal ends the waiting for a slot */
  constructor(reservation: Reservation, signal: AbortSignal) {
    this.#reservation = reservation;
    this.#signal = signal;
  }

  /** Copies `bytes` and hands the pieces on, in order; `take` takes over their references. @throws the signal's reason */
  pack(bytes: Uint8Array, take: (piece: Piece) => Delay): Delay {
    const slot = this.#slot;
    if (bytes.length > 0 && slot && slot.freeBytes >= bytes.length) return take(copied(bytes, slot));
    return this.#packBySlot(bytes, take);
  }

  /** Copies what lies in the slab already, and lets go of where it lay. @throws the signal's reason */
  move(from: Piece, take: (piece: Piece) => Delay): Delay {
    const lengthBytes = from.end - from.start;
    const slot = this.#slot;
    let delay: Delay;
    try {
      if (slot && slot.freeBytes >= lengthBytes) {
        const piece = slot.take(lengthBytes);
        // No view is made of either: for a small source that would cost as much as the copy.
        piece.bytes.copyWithin(piece.start, from.start, from.end);
        delay = take(piece);
      } else {
        delay = this.#packBySlot(viewOf(from), take);
      }
      return delay?.finally(() => { from.slot.release(); });
    } finally {
      if (!delay) from.slot.release();
    }
  }

  async #packBySlot(bytes: Uint8Array, take: (piece: Piece) => Delay): Promise<void> {
    for (let from = 0; from < bytes.length;) {
      const slot = await this.#room();
      const lengthBytes = Math.min(slot.freeBytes, bytes.length - from);
      const piece = copied(bytes.subarray(from, from + lengthBytes), slot);
      from += lengthBytes;
      await take(piece);
    }
  }

  /** Lets go of the slot. Pieces that were handed on keep it as long as they need it. */
  release(): void {
    this.#slot?.release();
    this.#slot = null;
  }

  async #room(): Promise<Slot> {
    while (!this.#slot || this.#slot.freeBytes === 0) {
      this.release();
      this.#slot = this.#reservation.tryAcquire();
      if (!this.#slot) await orAborted(this.#reservation.freed(), this.#signal);
    }
    return this.#slot;
  }
}

function copied(bytes: Uint8Array, slot: Slot): Piece {
  const piece = slot.take(bytes.length);
  piece.bytes.set(bytes, piece.start);
  return piece;
}
