/**
 * The worker's one byte budget. It owns a WebAssembly memory cut into slots; everything that a merge call holds of sources and
 * parts lies in them, so bytes are counted, summed and uploaded where they landed.
 *
 * Invariants:
 * S1. A reservation can always have the slots it reserved, at once: they are never lent.
 * S2. Slots that nobody reserved are lent to whoever asks first, only without waiting, and not while somebody waits for a reservation.
 * S3. A slot returns to the pool when its last reference is dropped, and never twice.
 */
import { TributaryError } from '../contracts/errors.ts';
import { createLineScanner, type LineScanner } from '../core/lines.ts';
import type { Landing } from './landing.ts';
import { ReadAhead } from './read-ahead.ts';

/** A whole small source, or one range of a large one, fits a slot. */
export const SLOT_BYTES = 8 * 2 ** 20;
/** What fills at least this much of a slot is left where it landed, whatever comes before and after it; see `slotsPerCall`. */
export const IN_PLACE_BYTES = SLOT_BYTES / 2;
/** Of a worker's memory budget. The rest of it is for what lies outside the slab: sockets, decoders, and the heap's growth under load. */
export const SLAB_SHARE = 0.7;
const WASM_PAGE_BYTES = 65_536;

export class Slot {
  /** Offset of the slot in the slab's memory. */
  readonly offset: number;
  readonly #bytes: Uint8Array;
  readonly #onFree: () => void;
  #references = 1;
  #used = 0;

  constructor(memory: Uint8Array, offset: number, onFree: () => void) {
    this.offset = offset;
    this.#bytes = memory;
    this.#onFree = onFree;
  }

  get freeBytes(): number {
    return SLOT_BYTES - this.#used;
  }

  /** The next `sizeBytes` of the slot, with a reference of its own. The caller has looked at `freeBytes`. */
  take(sizeBytes: number): Piece {
    const start = this.offset + this.#used;
    this.#used += sizeBytes;
    this.retain();
    return { slot: this, start, end: start + sizeBytes, bytes: this.#bytes };
  }

  /** Makes free again what was taken behind `end`. The caller knows that nobody holds any of it. @param end offset in the slab's memory */
  takeBackTo(end: number): void {
    this.#used = end - this.offset;
  }

  retain(): void {
    this.#references += 1;
  }

  release(): void {
    this.#references -= 1;
    if (this.#references === 0) this.#onFree();
    if (this.#references < 0) throw new Error('a slot was released twice');
  }
}

/** Bytes `[start, end)` of the slab's memory, held by one reference to their slot. */
export interface Piece {
  readonly slot: Slot;
  readonly start: number;
  readonly end: number;
  /** All of the slab's memory. */
  readonly bytes: Uint8Array;
  /** What was found out about it as it landed. */
  readonly landing?: Landing;
}

/** The bytes of a piece as a view on them. */
export function viewOf(piece: Piece): Uint8Array {
  return piece.bytes.subarray(piece.start, piece.end);
}

export class Slab {
  /** Counts and finds newlines in the slab's memory, in place. */
  readonly scanner: LineScanner;
  readonly slotCount: number;
  readonly #bytes: Uint8Array;
  readonly #free: number[] = [];
  readonly #readAhead: Pick<ReadAhead, 'allows'>;
  #reserved = 0;
  #extra = 0;
  readonly #waiting: { readonly slots: number; readonly grant: () => void }[] = [];

  /** @param budgetBytes rounded down to whole slots, at least one */
  constructor(budgetBytes: number, readAhead?: Pick<ReadAhead, 'allows'>) {
    this.slotCount = Math.max(1, Math.floor(budgetBytes / SLOT_BYTES));
    this.#readAhead = readAhead ?? new ReadAhead(this.slotCount);
    const pages = (this.slotCount * SLOT_BYTES) / WASM_PAGE_BYTES;
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    this.scanner = createLineScanner(memory);
    this.#bytes = Buffer.from(memory.buffer);
    for (let index = this.slotCount - 1; index >= 0; index -= 1) this.#free.push(index);
  }

  /** Bytes of slots that are in use now. */
  get heldBytes(): number {
    return this.#heldSlots * SLOT_BYTES;
  }

  /** Whether a call that has a request on its way should read into one more slot. @see ReadAhead */
  mayReadAhead(): boolean {
    return this.#readAhead.allows(this.#heldSlots);
  }

  get #heldSlots(): number {
    return this.slotCount - this.#free.length;
  }

  /** Bytes that could be promised to further calls: none where calls wait for theirs. What is lent comes back as soon as somebody waits. */
  get unreservedBytes(): number {
    return this.#waiting.length > 0 ? 0 : (this.slotCount - this.#reserved) * SLOT_BYTES;
  }

  /**
   * Waits until `slots` can be promised, first come first served.
   * @throws the signal's reason; TRB-INVALID-CONFIG where the budget can never hold so many
   */
  async reserve(slots: number, signal: AbortSignal): Promise<Reservation> {
    if (slots > this.slotCount) {
      const needed = Math.ceil((slots * SLOT_BYTES) / SLAB_SHARE / 2 ** 20);
      throw new TributaryError('TRB-INVALID-CONFIG', `a merge with parts of this size needs a memory.budget of ${needed}MiB, which this worker does not have; raise it, or set a smaller partBytes`);
    }
    signal.throwIfAborted();
    if (this.#waiting.length > 0 || !this.#canReserve(slots)) {
      await new Promise<void>((resolve, reject) => {
        const entry = { slots, grant: () => { signal.removeEventListener('abort', onAbort); resolve(); } };
        const onAbort = (): void => {
          this.#waiting.splice(this.#waiting.indexOf(entry), 1);
          this.#grantWaiting();
          reject(signal.reason as Error);
        };
        signal.addEventListener('abort', onAbort, { once: true });
        this.#waiting.push(entry);
      });
    } else {
      this.#reserved += slots;
    }
    return new Reservation(slots, (isExtra, onFree) => this.#takeSlot(isExtra, onFree), (held) => { this.#endReservation(slots, held); });
  }

  #canReserve(slots: number): boolean {
    return this.#reserved + this.#extra + slots <= this.slotCount;
  }

  #grantWaiting(): void {
    for (let next = this.#waiting[0]; next && this.#canReserve(next.slots); next = this.#waiting[0]) {
      this.#waiting.shift();
      this.#reserved += next.slots;
      next.grant();
    }
  }

  #takeSlot(isExtra: boolean, onFree: () => void): Slot | null {
    // Those who wait for a reservation come before those who want more than theirs.
    if (isExtra && (this.#waiting.length > 0 || !this.#canReserve(1))) return null;
    const index = this.#free.pop();
    if (index === undefined) throw new Error('a reserved slot was not there');
    if (isExtra) this.#extra += 1;
    return new Slot(this.#bytes, index * SLOT_BYTES, () => {
      this.#free.push(index);
      if (isExtra) this.#extra -= 1;
      onFree();
      this.#grantWaiting();
    });
  }

  #endReservation(slots: number, held: number): void {
    if (held > 0) throw new Error(`${held} slots were still held at the end of a reservation`);
    this.#reserved -= slots;
    this.#grantWaiting();
  }
}

type TakeSlot = (isExtra: boolean, onFree: () => void) => Slot | null;

/** The slots of one call: `guaranteed` ones, and more while nobody else needs them. */
export class Reservation {
  readonly guaranteed: number;
  readonly #take: TakeSlot;
  readonly #end: (held: number) => void;
  #guaranteedInUse = 0;
  #held = 0;
  #waiters: (() => void)[] = [];

  constructor(guaranteed: number, take: TakeSlot, end: (held: number) => void) {
    this.guaranteed = guaranteed;
    this.#take = take;
    this.#end = end;
  }

  get heldSlots(): number {
    return this.#held;
  }

  /**
   * A slot, or null where none is to be had now.
   * @param keepFree guaranteed slots that must stay free after this one
   */
  tryAcquire(keepFree = 0): Slot | null {
    const isExtra = this.#guaranteedInUse + keepFree >= this.guaranteed;
    const slot = this.#take(isExtra, () => {
      this.#held -= 1;
      if (!isExtra) this.#guaranteedInUse -= 1;
      const waiters = this.#waiters;
      this.#waiters = [];
      for (const wake of waiters) wake();
    });
    if (!slot) return null;
    this.#held += 1;
    if (!isExtra) this.#guaranteedInUse += 1;
    return slot;
  }

  /** Resolves when a slot of this reservation was freed, for another `tryAcquire`. */
  freed(): Promise<void> {
    return new Promise((resolve) => { this.#waiters.push(resolve); });
  }

  /** Gives the reservation back. Every slot has been released before. */
  end(): void {
    this.#end(this.#held);
  }
}
