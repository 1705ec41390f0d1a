/**
 * Ordered prefetch by byte credit: requests start in reading order while slots and downloads are left, and are consumed
 * strictly in that order. Bytes land in slots of the call's reservation.
 *
 * Invariants:
 * P1. Fetches are started and handed out in reading order; the first that is not handed out has a slot, or gets the next one freed.
 * P2. Every piece handed out carries one reference to its slot, which the consumer releases. Pieces that nobody takes are released by `close`.
 * P3. After `close` no request of this prefetch is in flight.
 * P4. For all requests that end in a turn of the loop, the next ones are started together and the consumer is woken once, at its end. (One by
 *     one costs a small read a tenth more.)
 * P5. However low a limit is, it lets what is on its way come whole within seconds: else calls that end on their time would get nowhere.
 */
import { isTributaryError, type TributaryError } from '../contracts/errors.ts';
import { encodingOf, type Encoding } from '../core/keys.ts';
import type { LineScanner } from '../core/lines.ts';
import { orAborted } from '../core/or-aborted.ts';
import { atEndOfTurn } from '../stores/end-of-turn.ts';
import type { ObjectStore } from '../stores/object-store.ts';
import { Fifo } from './fifo.ts';
import { Landing } from './landing.ts';
import { INTERVAL_MS } from './read-ahead.ts';
import type { Jump, ReadingItem, SourceStretch } from './reading-list.ts';
import { SLOT_BYTES, viewOf, type Piece, type Reservation, type Slot } from './slab.ts';

/** Ranges of large sources; small ones are read whole. */
const RANGE_BYTES = SLOT_BYTES;
const MIN_RANGE_BYTES = 256 * 2 ** 10;
/** Under a limit, so many seconds' worth is on its way: what has not come whole when a call ends is lost to the run. */
const LIMITED_SECONDS = 2;

/** From here on it pays to look at bytes as they land: of less, what has come is still in the processor's cache when its turn comes. */
const LANDING_BYTES = 64 * 1024;

/** Events that wait to be consumed, at most: bounds what tiny sources cost beside their bytes. */
const QUEUE_LIMIT = 4096;

/** The start of a stretch. Its pieces follow, and start at byte `firstOffset` of the stored object. */
interface Begin { readonly kind: 'begin'; readonly stretch: SourceStretch; readonly encoding: Encoding; readonly firstOffset: number }
interface End { readonly kind: 'end'; readonly stretch: SourceStretch }

export type Fetched =
  | Jump | Begin | End
  | { readonly kind: 'piece'; readonly piece: Piece }
  | Broken;

/** The stretch breaks here; none of its pieces follow, and no end. */
interface Broken { readonly kind: 'broken'; readonly stretch: SourceStretch; readonly error: TributaryError }

/** What a request brought. Where the source broke, the piece holds what had come before, and is null where that is nothing. */
interface Arrival { readonly piece: Piece | null; readonly broken: TributaryError | null }

/** A request, and how it ended; null while it is on its way. */
interface Fetch { readonly kind: 'fetch'; readonly stretch: SourceStretch; end: Arrival | { readonly error: unknown } | null }

/** A stretch whose requests are being started: from `offset` on, up to `end`. */
interface Feeding { readonly stretch: SourceStretch; readonly isPlain: boolean; offset: number; readonly end: number }

type Queued = Jump | Begin | End | Broken | Fetch;

const NOTHING_CAME: Arrival = { piece: null, broken: null };

/** A wait of the consumer for one request. */
export interface Wait {
  readonly stretch: SourceStretch;
  /** How many requests had brought their bytes when it began. */
  readonly arrivals: number;
}

export interface PrefetchOptions {
  readonly store: ObjectStore;
  readonly bucket: string;
  readonly reservation: Reservation;
  /** Of the memory that the reservation is of. */
  readonly scanner: LineScanner;
  readonly items: AsyncGenerator<readonly ReadingItem[]>;
  readonly downloads: number;
  /** Limit of the run; null: none. */
  readonly bytesPerSecond: number | null;
  readonly decode: boolean;
  /** Guaranteed slots that are left to others. */
  readonly keepFree: number;
  /** Asked before a slot is taken while a request is on its way. */
  readonly mayReadAhead: () => boolean;
}

/** Whether the error concerns one source only, so that the run can go on without it. */
export function isSourceError(error: unknown): error is TributaryError {
  return isTributaryError(error) && error.code.startsWith('TRB-SOURCE-');
}

/** Why requests and `next` end after `close`. */
export class PrefetchClosed extends Error {
  override readonly name = 'PrefetchClosed';
}

export class Prefetch {
  readonly #options: PrefetchOptions;
  readonly #closing = new AbortController();
  readonly #queue = new Fifo<Queued>();
  readonly #rangeBytes: number;
  readonly #mostBytesInFlight: number;
  #inFlight = 0;
  #bytesInFlight = 0;
  /** Stretches that broke: what is left of them up to their end is dropped when its turn comes. */
  readonly #broken = new Set<SourceStretch>();
  #slot: Slot | null = null;
  /** Items that were handed over, and the one of them that comes next. */
  #items: readonly ReadingItem[] = [];
  #nextItem = 0;
  /** The stretch whose requests are being started. */
  #feeding: Feeding | null = null;
  #loading: Promise<void> | null = null;
  #isAwaitingSlot = false;
  /** Asks again whether it pays to read ahead: where the only request on its way stands still, nothing else would. */
  #askingAgain: NodeJS.Timeout | null = null;
  #isTurning = false;
  #feedError: { readonly error: unknown } | null = null;
  #isFed = false;
  #closed: Promise<void> | null = null;
  #wakeConsumer: (() => void) | null = null;
  #onQuiet: (() => void) | null = null;
  #waiting: Wait | null = null;
  #arrivals = 0;

  constructor(options: PrefetchOptions) {
    this.#options = options;
    const bytesPerSecond = options.bytesPerSecond ?? Infinity;
    this.#rangeBytes = Math.min(RANGE_BYTES, Math.max(MIN_RANGE_BYTES, bytesPerSecond));
    this.#mostBytesInFlight = bytesPerSecond * LIMITED_SECONDS;
    this.#feed();
  }

  /** What `next` waits for at the moment; another object for each wait. */
  get waiting(): Wait | null {
    return this.#waiting;
  }

  /** How many requests have brought their bytes so far. */
  get arrivals(): number {
    return this.#arrivals;
  }

  /** The next event in reading order, where it is there already; else null. @throws as `next` */
  take(): Fetched | null {
    for (let head = this.#head(); head; head = this.#head()) {
      const arrived = head.kind === 'fetch' ? head.end : NOTHING_CAME;
      if (!arrived) return null;
      if ('error' in arrived) throw arrived.error;
      this.#waiting = null;
      const { piece, broken } = arrived;
      if (broken && head.kind === 'fetch') this.#queue.replace({ kind: 'broken', stretch: head.stretch, error: broken });
      else this.#shift();
      if (head.kind === 'jump') return head;
      if (this.#broken.has(head.stretch)) {
        piece?.slot.release();
        if (head.kind === 'end') this.#broken.delete(head.stretch);
        continue;
      }
      if (head.kind === 'broken') this.#broken.add(head.stretch);
      if (head.kind !== 'fetch') return head;
      if (piece) return { kind: 'piece', piece };
    }
    return null;
  }

  /** The next event in reading order; null after the last. @throws what ended the reading: never a source's own error */
  async next(): Promise<Fetched | null> {
    for (;;) {
      const ready = this.take();
      if (ready) return ready;
      const head = this.#head();
      if (!head && this.#feedError) throw this.#feedError.error;
      if (!head && this.#isFed) return null;
      if (head?.kind === 'fetch') this.#waiting ??= { stretch: head.stretch, arrivals: this.#arrivals };
      await new Promise<void>((resolve) => { this.#wakeConsumer = resolve; });
    }
  }

  /** From its start on `close` owns what is in the queue. */
  #head(): Queued | undefined {
    this.#closing.signal.throwIfAborted();
    return this.#queue.head;
  }

  /** Drops what is left of a stretch that the consumer has done with: its pieces and its end do not come any more. */
  drop(stretch: SourceStretch): void {
    this.#broken.add(stretch);
    this.#feed();
  }

  /** Ends every request and releases every piece. All calls resolve when that is done. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#waiting = null;
    this.#closing.abort(new PrefetchClosed('the prefetch was closed'));
    this.#wake();
    await this.#loading;
    if (this.#inFlight > 0) await new Promise<void>((resolve) => { this.#onQuiet = resolve; });
    for (let waiting = this.#queue.shift(); waiting; waiting = this.#queue.shift()) {
      if (waiting.kind === 'fetch' && waiting.end && 'piece' in waiting.end) waiting.end.piece?.slot.release();
    }
    this.#slot?.release();
    this.#slot = null;
    if (this.#askingAgain) clearTimeout(this.#askingAgain);
  }

  /** Starts whatever may be started now. To be called when that may have become more: after a request, an item, a slot, or room in the queue. */
  #feed(): void {
    try {
      while (!this.#isEnded && this.#queue.length < QUEUE_LIMIT) {
        if (this.#feeding && !this.#goOn(this.#feeding)) return;
        const item = this.#items[this.#nextItem];
        if (!item) {
          this.#loading ??= this.#load();
          return;
        }
        this.#nextItem += 1;
        if (item.kind === 'jump') this.#push(item);
        else this.#feeding = this.#begin(item);
      }
    } catch (error) {
      this.#endFeeding({ error });
    }
  }

  get #isEnded(): boolean {
    return this.#isFed || this.#closing.signal.aborted;
  }

  async #load(): Promise<void> {
    try {
      const next = await orAborted(this.#options.items.next(), this.#closing.signal);
      this.#items = next.done === true ? [] : next.value;
      this.#nextItem = 0;
      this.#loading = null;
      if (next.done === true) this.#endFeeding(null);
      else this.#feed();
    } catch (error) {
      this.#loading = null;
      this.#endFeeding({ error });
    }
  }

  #endFeeding(error: { readonly error: unknown } | null): void {
    this.#isFed = true;
    this.#feedError ??= error;
    this.#wake();
  }

  #begin(item: SourceStretch): Feeding {
    const encoding = this.#options.decode ? encodingOf(item.key) : 'plain';
    const firstOffset = encoding === 'plain' ? item.from : 0;
    this.#push({ kind: 'begin', stretch: item, encoding, firstOffset });
    return { stretch: item, isPlain: encoding === 'plain', offset: firstOffset, end: lastByte(item, encoding) };
  }

  /** Starts the requests of a stretch. @returns whether that was all of them */
  #goOn(feeding: Feeding): boolean {
    const { stretch, isPlain, end } = feeding;
    while (feeding.offset < end && !this.#broken.has(stretch)) {
      if (!this.#mayStart) return false;
      const lengthBytes = Math.min(this.#rangeBytes, end - feeding.offset);
      const piece = this.#inSlot(lengthBytes) ?? this.#inNewSlot(lengthBytes);
      if (!piece) return false;
      this.#start(stretch, feeding.offset, isPlain && lengthBytes >= LANDING_BYTES ? { ...piece, landing: new Landing(piece, this.#options.scanner) } : piece);
      feeding.offset += lengthBytes;
    }
    this.#push({ kind: 'end', stretch });
    this.#feeding = null;
    return true;
  }

  #start(stretch: SourceStretch, offset: number, piece: Piece): void {
    const fetch: Fetch = { kind: 'fetch', stretch, end: null };
    const lengthBytes = piece.end - piece.start;
    this.#push(fetch);
    this.#inFlight += 1;
    this.#bytesInFlight += lengthBytes;
    void this.#bring(fetch, offset, piece);
  }

  /** Never rejects: what the request failed with is its end. */
  async #bring(fetch: Fetch, offset: number, piece: Piece): Promise<void> {
    const { store, bucket } = this.#options;
    const { stretch } = fetch;
    const lengthBytes = piece.end - piece.start;
    const request = { bucket, key: stretch.key, ifMatch: stretch.etag, offset, lengthBytes, sizeBytes: stretch.sizeBytes };
    try {
      await store.readInto(request, viewOf(piece), { signal: this.#closing.signal, landed: piece.landing?.landed });
      this.#arrivals += 1;
      fetch.end = { piece, broken: null };
    } catch (error) {
      fetch.end = whatCame(piece, error);
    }
    this.#inFlight -= 1;
    this.#bytesInFlight -= lengthBytes;
    if (this.#inFlight === 0) this.#onQuiet?.();
    if (this.#isTurning) return;
    this.#isTurning = true;
    atEndOfTurn(this.#turn);
  }

  readonly #turn = (): void => {
    this.#isTurning = false;
    this.#feed();
    const { head } = this.#queue;
    if (head?.kind !== 'fetch' || head.end) this.#wake();
  };

  /** Whether another request may be sent and queued now. */
  get #mayStart(): boolean {
    return this.#inFlight < this.#options.downloads && this.#bytesInFlight < this.#mostBytesInFlight && this.#queue.length < QUEUE_LIMIT;
  }

  #inSlot(lengthBytes: number): Piece | null {
    return this.#slot && this.#slot.freeBytes >= lengthBytes ? this.#slot.take(lengthBytes) : null;
  }

  /** Room at the start of another slot; null where none is to be had now: then it is asked for again when one is freed, or when it may pay to read ahead. */
  #inNewSlot(lengthBytes: number): Piece | null {
    const { reservation, keepFree, mayReadAhead } = this.#options;
    // A slot that is full enough is let go before another is asked for: it may be the one that is freed.
    this.#slot?.release();
    const isAllowed = this.#inFlight === 0 || mayReadAhead();
    this.#slot = isAllowed ? reservation.tryAcquire(keepFree) : null;
    if (this.#slot) return this.#slot.take(lengthBytes);
    if (!isAllowed) this.#askAgain();
    if (this.#isAwaitingSlot) return null;
    this.#isAwaitingSlot = true;
    void reservation.freed().then(() => {
      this.#isAwaitingSlot = false;
      this.#feed();
    });
    return null;
  }

  #askAgain(): void {
    this.#askingAgain ??= setTimeout(() => {
      this.#askingAgain = null;
      this.#feed();
    }, INTERVAL_MS);
  }

  /** Takes the head off, and goes on with the feeding where the queue was full. */
  #shift(): void {
    this.#queue.shift();
    if (this.#queue.length === QUEUE_LIMIT - 1) this.#feed();
  }

  #push(waiting: Queued): void {
    this.#queue.push(waiting);
    if (this.#queue.length === 1) this.#wake();
  }

  /** Wakes the consumer where it sleeps. */
  #wake(): void {
    const wake = this.#wakeConsumer;
    this.#wakeConsumer = null;
    wake?.();
  }
}

/** How a request ended that failed. The piece is released where nothing of it is used. */
function whatCame(piece: Piece, error: unknown): Arrival | { readonly error: unknown } {
  const receivedBytes = isSourceError(error) ? Number(error.context['receivedBytes'] ?? 0) : 0;
  if (receivedBytes === 0) piece.slot.release();
  if (!isSourceError(error)) return { error };
  return { piece: receivedBytes > 0 ? { ...piece, end: piece.start + receivedBytes } : null, broken: error };
}

/** Up to where the stored bytes of a stretch are read. A compressed source can only be decoded from its beginning, and is read whole. */
function lastByte({ from, to, sizeBytes, record, rest, isWritable }: SourceStretch, encoding: Encoding): number {
  if (!isWritable || rest?.refused !== undefined || record?.outcome === 'failed' || encoding === 'unsupported') return 0;
  if (encoding === 'plain') return Math.min(to ?? sizeBytes, sizeBytes);
  return to !== null && to <= from ? 0 : sizeBytes;
}
