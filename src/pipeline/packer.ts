/**
 * Room for bytes that are copied into the slab: decoded ones, added newlines, and those of small sources that do not lie close enough. It owns
 * the slot that is being filled, and whether small pieces stay where they landed.
 *
 * Invariants:
 * P1. A part never holds many slots for few bytes; see `slotsPerCall`. What is packed lies without gaps. What stays where it landed fills half
 *     a slot, or lies behind what was read before it: then a slot is left only for what does not fit in it any more.
 *     Where bytes are taken back, what is packed next lies right behind what was kept.
 * P2. Once anything comes between small pieces, what is let go or packed itself, small ones are packed for good.
 */
import { orAborted } from '../core/or-aborted.ts';
import { IN_PLACE_BYTES, viewOf, type Piece, type Reservation, type Slot } from './slab.ts';
import type { Delay } from './waiting.ts';

export class Packer {
  readonly #reservation: Reservation;
  readonly #signal: AbortSignal;
  #slot: Slot | null = null;
  /** Slots that were filled here, and by nobody else. */
  readonly #filled = new WeakSet<Slot>();
  #packsSmall = false;

  /** @param signal ends the waiting for a slot */
  constructor(reservation: Reservation, signal: AbortSignal) {
    this.#reservation = reservation;
    this.#signal = signal;
  }

  /** Copies `bytes` and hands the pieces on, in order; `take` takes over their references. @throws the signal's reason */
  pack(bytes: Uint8Array, take: (piece: Piece) => Delay): Delay {
    const slot = this.#slot;
    this.#packsSmall = true;
    if (bytes.length > 0 && slot && slot.freeBytes >= bytes.length) return take(copied(bytes, slot));
    return this.#packBySlot(bytes, take);
  }

  /** Hands on what landed in the slab as it lies there, or a copy of it. `take` takes over its reference. @throws the signal's reason */
  place(piece: Piece, take: (piece: Piece) => Delay): Delay {
    return this.#packsSmall && piece.end - piece.start < IN_PLACE_BYTES ? this.#move(piece, take) : take(piece);
  }

  /** Something is let go that lies between small pieces. */
  packSmall(): void {
    this.#packsSmall = true;
  }

  /** Whether the piece was copied here. */
  hasPacked({ slot }: Piece): boolean {
    return this.#filled.has(slot);
  }

  /** Goes on right behind `last`: whatever was packed after it was taken back, and let go. @param last a piece that was packed, and is held */
  goBackTo(last: Piece): void {
    if (this.#slot !== last.slot) {
      this.release();
      last.slot.retain();
      this.#slot = last.slot;
    }
    last.slot.takeBackTo(last.end);
  }

  /** Copies what lies in the slab already, and lets go of where it lay. @throws the signal's reason */
  #move(from: Piece, take: (piece: Piece) => Delay): Delay {
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
      if (this.#slot) this.#filled.add(this.#slot);
      else await orAborted(this.#reservation.freed(), this.#signal);
    }
    return this.#slot;
  }
}

function copied(bytes: Uint8Array, slot: Slot): Piece {
  const piece = slot.take(bytes.length);
  piece.bytes.set(bytes, piece.start);
  return piece;
}
