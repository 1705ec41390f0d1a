/**
 * Ordered prefetch by byte credit: requests start in reading order while slots and downloads are left, and are consumed
 * strictly in that order. Bytes land in slots of the call's reservation.
 *
 * Invariants:
 * P1. Fetches are started and handed out in reading order; the first that is not handed out has a slot, or gets the next one freed.
 * P2. Every piece handed out carries one reference to its slot, which the consumer releases. Pieces that nobody takes are released by `close`.
 * P3. After `close` no request of this prefetch is in flight.
 */
import { isTributaryError, type TributaryError } from '../contracts/errors.ts';
import { encodingOf, type Encoding } from '../core/keys.ts';
import type { ObjectStore } from '../stores/object-store.ts';
import type { ReadingItem, SourceStretch } from './reading-list.ts';
import { SLOT_BYTES, viewOf, type Piece, type Reservation, type Slot } from './slab.ts';

/** Ranges of large sources; small ones are read whole. */
export const RANGE_BYTES = SLOT_BYTES;

/** Fetches that wait to be consumed, at most: bounds what tiny sources cost beside their bytes. */
const QUEUE_LIMIT = 4096;

export type Fetched =
  | { readonly kind: 'jump'; readonly item: Extract<ReadingItem, { kind: 'jump' }> }
  /** The start of a stretch. Its pieces follow, and start at byte `firstOffset` of the stored object. */
  | { readonly kind: 'begin'; readonly stretch: SourceStretch; readonly encoding: Encoding; readonly firstOffset: number }
  | { readonly kind: 'piece'; readonly piece: Piece }
  /** The stretch breaks here; none of its pieces follow. */
  | { readonly kind: 'broken'; readonly error: TributaryError }
  | { readonly kind: 'end'; readonly stretch: SourceStretch };

interface Fetch {
  readonly fetched: Fetched | null;
  readonly stretch: SourceStretch | null;
  readonly arrival: Promise<Piece> | null;
}

export interface PrefetchOptions {
  readonly store: ObjectStore;
  readonly bucket: string;
  readonly reservation: Reservation;
  readonly items: AsyncGenerator<ReadingItem>;
  readonly downloads: number;
  readonly decode: boolean;
  /** Guaranteed slots that are left to the decoder. */
  readonly keepFree: number;
}

/** Codes that are the fault of one source; every other permanent error ends the call. */
const SOURCE_CODES: ReadonlySet<string> = new Set(['TRB-SOURCE-CHANGED', 'TRB-SOURCE-GONE', 'TRB-SOURCE-DENIED', 'TRB-SOURCE-CORRUPT', 'TRB-SOURCE-ENCODING']);

/** Whether the error concerns one source only, so that the run can go on without it. */
export function isSourceError(error: unknown): error is TributaryError {
  return isTributaryError(error) && SOURCE_CODES.has(error.code);
}

/** Why requests and `next` end after `close`. */
export class PrefetchClosed extends Error {
  override readonly name = 'PrefetchClosed';
}

export class Prefetch {
  readonly #options: PrefetchOptions;
  readonly #cancel = new AbortController();
  readonly #queue: Fetch[] = [];
  readonly #inFlight = new Set<Promise<unknown>>();
  /** Stretches that broke: their remaining fetches are dropped when their turn comes. */
  readonly #brokenRows = new Set<number>();
  #slot: Slot | null = null;
  readonly #feeding: Promise<void>;
  #feedError: { readonly error: unknown } | null = null;
  #exhausted = false;
  #wakeConsumer: (() => void) | null = null;
  #wakeFeeder: (() => void) | null = null;

  constructor(options: PrefetchOptions) {
    this.#options = options;
    this.#feeding = this.#feed().catch((error: unknown) => { this.#feedError = { error }; }).finally(() => {
      this.#exhausted = true;
      this.#wakeConsumer?.();
    });
  }

  /** The next event in reading order; null after the last. @throws what ended the reading: never a source's own error */
  async next(): Promise<Fetched | null> {
    for (;;) {
      this.#cancel.signal.throwIfAborted();
      const fetch = this.#queue.shift();
      this.#wakeFeeder?.();
      if (!fetch) {
        if (this.#exhausted) {
          if (this.#feedError) throw this.#feedError.error;
          return null;
        }
        await new Promise<void>((resolve) => { this.#wakeConsumer = resolve; });
        continue;
      }
      const row = fetch.stretch?.row;
      const dropped = row !== undefined && this.#brokenRows.has(row);
      if (fetch.arrival) {
        try {
          const piece = await fetch.arrival;
          if (!dropped) return { kind: 'piece', piece };
          piece.slot.release();
        } catch (error) {
          if (dropped) continue;
          if (!isSourceError(error) || row === undefined) throw error;
          this.#brokenRows.add(row);
          return { kind: 'broken', error };
        }
      } else if (fetch.fetched) {
        if (!dropped || fetch.fetched.kind === 'jump') return fetch.fetched;
      }
    }
  }

  /** Drops what is left of a stretch that the consumer found broken: its pieces and its end do not come any more. */
  drop(row: number): void {
    this.#brokenRows.add(row);
  }

  /** Ends every request and releases every piece. Idempotent. */
  async close(): Promise<void> {
    if (!this.#cancel.signal.aborted) this.#cancel.abort(new PrefetchClosed('the prefetch was closed'));
    this.#wakeFeeder?.();
    await this.#feeding;
    await Promise.allSettled(this.#inFlight);
    for (const fetch of this.#queue.splice(0)) {
      const arrived = await fetch.arrival?.catch(() => null);
      arrived?.slot.release();
    }
    this.#slot?.release();
    this.#slot = null;
  }

  async #feed(): Promise<void> {
    const { items, decode } = this.#options;
    for await (const item of items) {
      if (this.#cancel.signal.aborted) return;
      if (item.kind === 'jump') {
        this.#push({ fetched: { kind: 'jump', item }, stretch: null, arrival: null });
        continue;
      }
      const encoding = decode ? encodingOf(item.key) : 'plain';
      const firstOffset = firstByte(item, encoding);
      this.#push({ fetched: { kind: 'begin', stretch: item, encoding, firstOffset }, stretch: item, arrival: null });
      await this.#feedStretch(item, encoding, firstOffset);
      this.#push({ fetched: { kind: 'end', stretch: item }, stretch: item, arrival: null });
      if (this.#queue.length >= QUEUE_LIMIT) await this.#room();
    }
  }

  async #feedStretch(stretch: SourceStretch, encoding: Encoding, first: number): Promise<void> {
    if (stretch.record?.outcome === 'failed' || encoding === 'unsupported') return;
    const last = encoding === 'plain' ? Math.min(stretch.to ?? stretch.sizeBytes, stretch.sizeBytes) : stretch.to === 0 ? 0 : stretch.sizeBytes;
    for (let offset = first; offset < last;) {
      const lengthBytes = Math.min(RANGE_BYTES, last - offset);
      while (this.#inFlight.size >= this.#options.downloads || this.#queue.length >= QUEUE_LIMIT) {
        if (this.#brokenRows.has(stretch.row)) return;
        await this.#room();
        if (this.#cancel.signal.aborted) return;
      }
      const piece = await this.#takeRoom(lengthBytes);
      if (!piece) return;
      if (this.#brokenRows.has(stretch.row)) {
        piece.slot.release();
        return;
      }
      this.#start(stretch, offset, piece);
      offset += lengthBytes;
    }
  }

  #start(stretch: SourceStretch, offset: number, piece: Piece): void {
    const { store, bucket } = this.#options;
    const request = { bucket, key: stretch.key, ifMatch: stretch.etag, offset, lengthBytes: piece.end - piece.start, sizeBytes: stretch.sizeBytes };
    const arrival = store.readInto(request, viewOf(piece), { signal: this.#cancel.signal }).then(() => piece, (error: unknown) => {
      piece.slot.release();
      throw error;
    });
    const settled = arrival.then(() => undefined, () => undefined).then(() => {
      this.#inFlight.delete(settled);
      this.#wakeFeeder?.();
    });
    this.#inFlight.add(settled);
    this.#push({ fetched: null, stretch, arrival });
  }

  /** Room for `lengthBytes` in the current slot, or at the start of a new one; null when the prefetch was closed meanwhile. */
  async #takeRoom(lengthBytes: number): Promise<Piece | null> {
    const { reservation, keepFree } = this.#options;
    while (!this.#slot || this.#slot.freeBytes < lengthBytes) {
      const next = reservation.tryAcquire(keepFree);
      if (next) {
        this.#slot?.release();
        this.#slot = next;
        continue;
      }
      // A slot that waits to be filled further is held by nothing else in the end: let it go, or nothing may ever be freed.
      this.#slot?.release();
      this.#slot = null;
      const retry = reservation.tryAcquire(keepFree);
      if (retry) {
        this.#slot = retry;
        continue;
      }
      await Promise.race([reservation.freed(), this.#room()]);
      if (this.#cancel.signal.aborted) return null;
    }
    return this.#slot.take(lengthBytes);
  }

  #room(): Promise<void> {
    return new Promise((resolve) => { this.#wakeFeeder = resolve; });
  }

  #push(fetch: Fetch): void {
    this.#queue.push(fetch);
    this.#wakeConsumer?.();
    this.#wakeConsumer = null;
  }
}

/**
 * Where the reading of a stretch starts. A compressed source can only be decoded from its beginning; and where everything of a
 * plain source was taken but its end not yet handled, its last byte tells whether a newline is missing.
 */
function firstByte(stretch: SourceStretch, encoding: Encoding): number {
  if (encoding !== 'plain') return 0;
  return stretch.from === stretch.sizeBytes && stretch.ends && !stretch.record ? Math.max(0, stretch.from - 1) : stretch.from;
}
