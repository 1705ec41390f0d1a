/**
 * One attempt at a batch: the stages wired together from one cursor on, and the checkpoints.
 *
 * Invariants:
 * A1. A checkpoint is: write the index rows of what was published, then report the cursor.
 * A2. When `run` returns or throws, no request of it is in flight, and every slot is free.
 * A3. Three signals end it, each later than the one before: `halt` the reading, `cutOff` what is on its way, `indexCutOff` the last rows.
 *     A failure raises all of them at once; an upload that is gone the first two, since parts may wait for it; an interruption all, with
 *     a grace between; a deadline, a stalled group, and a restart for another reason only the first. Of restarts and failures the one
 *     counts that raises the most: chunks wait for one another's parts, and would for ever for those of a chunk whose failure went unheard.
 * A4. A deadline ends no attempt before its cursor has moved from where the call began: under a low limit the next call would read the same bytes again, for ever.
 */
import pLimit, { type LimitFunction } from 'p-limit';
import type { MergeCursor, OpenChunk, Position } from '../contracts/cursor.ts';
import { TributaryError } from '../contracts/errors.ts';
import { subtractRequests } from '../contracts/tally.ts';
import { NOTHING_ENDED, type Ended } from '../core/ended.ts';
import { chunkKey, isKeyTooLong } from '../core/names.ts';
import { orAborted } from '../core/or-aborted.ts';
import { adoptChunks } from './adopt.ts';
import { denseSlots, slotsPerCall } from './call-slots.ts';
import { ChunkWriter, type ChunkWriterOptions } from './chunk-writer.ts';
import { hasMoved } from './cursor-moved.ts';
import { Cutter } from './cutter.ts';
import { Ledger } from './ledger.ts';
import { countsOf, type Counts, type MergeBatchOptions } from './merge-options.ts';
import { Packer } from './packer.ts';
import { Prefetch, PrefetchClosed } from './prefetch.ts';
import { chunkToken, isOurs, type ChunkObject } from './publish.ts';
import { Reader } from './reader.ts';
import { readingList, type SourceStretch } from './reading-list.ts';
import { Restart } from './restart.ts';
import type { Reservation } from './slab.ts';
import { StallWatch } from './stall-watch.ts';
import { UploadOpener, type AdoptedChunk } from './uploads.ts';

/** Reads at the same time where the run sets no limit. */
const DOWNLOADS = 25;
/** Chunks begun and not published, for each upload lane: bounds what a kill makes to be done again. */
const CHUNKS_PER_LANE = 4;
/** Chunks that are not in the index: where it cannot be written, nothing goes on for long. */
const MAX_CHUNKS = 2048;
const CHECKPOINT_INTERVAL_MS = 1000;
/** How long running uploads may take to end after an interruption; and the last index rows after them. */
const INTERRUPT_GRACE_MS = 2000;
const NEWLINE = Uint8Array.of(0x0a);

export interface AttemptStart {
  readonly from: MergeCursor;
  /** Where the call began. */
  readonly began: MergeCursor;
  /** What the sessions had counted when `from` was made. */
  readonly before: Counts;
  /** Whether earlier attempts may have left uploads. */
  readonly resumes: boolean;
  /** An open chunk of the cursor that is not to be carried on, nor those behind it in its group. */
  readonly without: OpenChunk | null;
  /** See `UploadOpenerOptions`. */
  readonly left: Map<string, ChunkObject>;
}

export interface AttemptEnd {
  readonly cursor: MergeCursor;
  /** Why it has to be tried again from the cursor, or null. */
  readonly restart: Restart | null;
  readonly stalledAtGroup: number | null;
}

export class BatchAttempt {
  readonly #options: MergeBatchOptions;
  readonly #from: MergeCursor;
  readonly #began: MergeCursor;
  readonly #without: OpenChunk | null;
  readonly #untilGroup: number;
  readonly #ledger: Ledger;
  readonly #cutter: Cutter;
  readonly #lane: LimitFunction;
  readonly #opener: UploadOpener;
  readonly #halt = new AbortController();
  readonly #cutOff = new AbortController();
  readonly #indexCutOff = new AbortController();
  /** Ends timers and listeners when `run` does. */
  readonly #over = new AbortController();
  /** Open chunks of the cursor that the reading has not reached. */
  #ahead: readonly OpenChunk[];
  #packer: Packer | null = null;
  #reader: Reader | null = null;
  #stall: StallWatch | null = null;
  #stalledAtGroup: number | null = null;
  /** Key of a chunk that was looked for in vain. */
  #absent: string | null = null;
  #failure: { readonly error: unknown } | null = null;
  #restart: Restart | null = null;
  #isRead = false;
  #isDue = false;
  #indexing: Promise<void> = Promise.resolve();
  #isIndexing = false;
  #wake: (() => void) | null = null;

  constructor(options: MergeBatchOptions, { from, began, before, resumes, without, left }: AttemptStart) {
    const { spec, batch, target, slab, limits, untilGroup } = options;
    this.#options = options;
    this.#from = from;
    this.#began = began;
    this.#without = without;
    this.#untilGroup = untilGroup ?? batch.groups.length;
    // What lies behind belongs to another call, which carries it on.
    this.#ahead = from.open.filter(({ start }) => start.group < this.#untilGroup);
    this.#lane = pLimit(limits.uploads);
    this.#opener = new UploadOpener({ store: target.store, signal: this.#cutOff.signal, output: spec.output, resumes, left });
    this.#ledger = new Ledger({
      base: from.tally,
      counts: () => {
        const { requests, retries } = countsOf(options);
        return { requests: subtractRequests(requests, before.requests), retries: retries - before.retries };
      },
      dirOf: (group) => batch.groups[group]?.dir ?? '',
    });
    this.#cutter = new Cutter(spec.chunk, slab.scanner, { at: from.low, chunk: from.chunk, ended: NOTHING_ENDED }, {
      begin: (group, chunk, start, ended) => this.#begin(group, chunk, start, ended),
      adopted: (adopted, ended) => this.#adopt(adopted, ended),
      forget: (writer) => { this.#ledger.forget(writer); },
      newline: (take) => this.#packer?.pack(NEWLINE, take),
    });
  }

  /** @throws what the run cannot go on after */
  async run(): Promise<AttemptEnd> {
    const { slab, spec, interrupt, deadline } = this.#options;
    const once = { once: true, signal: this.#over.signal };
    interrupt.addEventListener('abort', () => { void this.#interrupted(); }, once);
    deadline.addEventListener('abort', () => { this.#haltWhereDue(); }, once);
    const ticking = this.#tick().catch((error: unknown) => { this.#fail(error); });
    let reservation: Reservation | null = null;
    try {
      reservation = await slab.reserve(slotsPerCall(spec.partBytes), this.#halt.signal);
      await this.#read(reservation);
    } catch (error) {
      this.#fail(error);
    }
    await this.#ledger.settled();
    if (this.#isRead && !this.#failure && !this.#restart) await this.#opener.abandonRest().catch((error: unknown) => { this.#fail(error); });
    if (!this.#failure) await this.#writeIndex().catch((error: unknown) => { this.#fail(error); });
    this.#over.abort();
    await ticking;
    await this.#indexing.catch(() => undefined);
    this.#ledger.discard();
    reservation?.end();
    // What was interrupted tells how far it came; where something is wrong, the next call meets it again.
    if (this.#failure && !interrupt.aborted) throw this.#failure.error;
    return { cursor: this.#cursor(), restart: this.#restart, stalledAtGroup: this.#stalledAtGroup };
  }

  async #read(reservation: Reservation): Promise<void> {
    const { spec, batch, plan, records, limits, source, slab, onError, maySplit, clock } = this.#options;
    const halt = this.#halt.signal;
    const isWritable = (group: number): boolean => !isKeyTooLong(this.#object(group, 0).key);
    const reading = { spec, batch, plan, isWritable, records: await records.failures(this.#from.low, this.#cutOff.signal) };
    const adopted = await adoptChunks(reading, this.#ahead, (group, chunk) => this.#object(group, chunk), this.#opener, this.#without);
    this.#ahead = adopted.map(({ open }) => open);
    halt.throwIfAborted();
    const prefetch = new Prefetch({
      store: source.store, bucket: spec.source.bucket, reservation, scanner: slab.scanner, downloads: limits.downloads ?? DOWNLOADS,
      bytesPerSecond: limits.bytesPerSecond, decode: spec.compression.input === 'auto', keepFree: denseSlots(spec.partBytes), mayReadAhead: () => slab.mayReadAhead(),
      items: readingList({ ...reading, from: this.#from.low, untilGroup: this.#untilGroup, adopted }),
    });
    halt.addEventListener('abort', () => { void prefetch.close(); }, { once: true });
    const packer = new Packer(reservation, halt);
    this.#packer = packer;
    this.#reader = new Reader({
      source: spec.source, store: source.store, records, prefetch, cutter: this.#cutter, packer, onError, refuseMerged: (stretch) => this.#refuseMerged(stretch),
      isDue: () => this.#mayEnd(), halt, cutOff: this.#cutOff.signal,
    });
    if (maySplit) this.#stall = new StallWatch(prefetch, source, limits, clock);
    try {
      this.#isRead = await this.#reader.run();
      if (this.#isRead) this.#cutter.finish(this.#untilGroup);
    } finally {
      this.#stall = null;
      await prefetch.close();
      packer.release();
    }
  }

  async #begin(group: number, chunk: number, start: Position, endedAtStart: Ended): Promise<ChunkWriter> {
    while (this.#ledger.unpublished >= this.#options.limits.uploads * CHUNKS_PER_LANE || this.#ledger.size >= MAX_CHUNKS) {
      await orAborted(new Promise<void>((resolve) => { this.#wake = resolve; }), this.#halt.signal);
    }
    const writer = new ChunkWriter(this.#writerOptions(group, chunk, start, endedAtStart));
    this.#ledger.begin(writer);
    return writer;
  }

  async #adopt(adopted: AdoptedChunk, endedAtStart: Ended): Promise<ChunkWriter> {
    const { chunk, start } = adopted.open;
    const options = this.#writerOptions(start.group, chunk, start, endedAtStart);
    await this.#opener.enter(options.object);
    const writer = ChunkWriter.adopt(options, adopted);
    this.#ledger.begin(writer);
    this.#ahead = this.#ahead.filter((open) => open !== adopted.open);
    return writer;
  }

  /**
   * A source cannot be read any more. Where the chunk that it goes to is there, an attempt that died before its checkpoint made it of this source: it is no failure then,
   * and with a record of one a retry would merge it a second time.
   * @throws TRB-CHUNK-DIVERGED
   */
  async #refuseMerged({ key, row }: SourceStretch): Promise<void> {
    const { spec, target, records } = this.#options;
    const { group, chunk } = this.#cutter.forming;
    const object = this.#object(group, chunk);
    if (object.key === this.#absent) return;
    const there = await target.store.head({ bucket: object.bucket, key: object.key }, { signal: this.#cutOff.signal });
    if (!there || !isOurs(object, there)) {
      this.#absent = object.key;
      return;
    }
    // An attempt that was thought dead, and could not read it either, has told so before it made the chunk.
    if ((await records.failures(this.#from.low, this.#cutOff.signal)).has(row)) return;
    throw new TributaryError('TRB-CHUNK-DIVERGED', `s3://${spec.source.bucket}/${key} cannot be read any more, and the chunk s3://${object.bucket}/${object.key} of this run was made of it`,
      { bucket: object.bucket, key: object.key });
  }

  #object(group: number, chunk: number): ChunkObject {
    const { spec, stamp, batch } = this.#options;
    const planned = batch.groups[group];
    if (!planned) throw new TributaryError('TRB-INTERNAL', `the batch has no group ${group}`);
    const key = chunkKey(spec.target.prefix, planned.dir, stamp, chunk, planned.ext);
    return { bucket: spec.target.bucket, key, token: chunkToken(stamp, planned.dir, chunk) };
  }

  #writerOptions(group: number, chunk: number, start: Position, endedAtStart: Ended): ChunkWriterOptions {
    const { spec, target, createOnce, clock } = this.#options;
    return {
      object: this.#object(group, chunk),
      group, chunk, start, endedAtStart,
      context: { store: target.store, createOnce, clock, signal: this.#cutOff.signal },
      output: spec.output, partBytes: spec.partBytes, lane: this.#lane,
      openUpload: (object) => this.#opener.open(object),
      needsNoUpload: (object) => this.#opener.abandon(object),
      onPublished: ({ options: { object } }) => {
        this.#opener.closed(object);
        this.#ledger.published();
        this.#wake?.();
      },
      onError: (error) => { this.#fail(error); },
    };
  }

  async #interrupted(): Promise<void> {
    const { clock, interrupt } = this.#options;
    const why = new Error('the call was interrupted', { cause: interrupt.reason });
    this.#halt.abort(why);
    for (const later of [this.#cutOff, this.#indexCutOff]) {
      await orAborted(clock.sleep(INTERRUPT_GRACE_MS), this.#over.signal).catch(() => undefined);
      if (this.#over.signal.aborted) return;
      later.abort(why);
    }
  }

  /** Ends the attempt for a failure or a restart, the first of those that raise the most signals (A3). What only says that it was ended is no failure. */
  #fail(error: unknown): void {
    const ends = [this.#halt, this.#cutOff, this.#indexCutOff];
    if (error instanceof PrefetchClosed || ends.some(({ signal }) => signal.aborted && signal.reason === error)) return;
    const raised = signalsRaisedBy(error);
    if (this.#failure || (this.#restart && raised <= signalsRaisedBy(this.#restart))) return;
    if (error instanceof Restart) this.#restart = error;
    else this.#failure = { error };
    for (const end of ends.slice(0, raised)) end.abort(new Error('the attempt ended', { cause: error }));
  }

  /** Whether the deadline has passed, and the cursor moved (A4). */
  #mayEnd(): boolean {
    if (!this.#isDue && this.#options.deadline.aborted) this.#isDue = hasMoved(this.#began, this.#cursor());
    return this.#isDue;
  }

  /** A compressed source is read to its end first: then the reader returns by itself. */
  #haltWhereDue(): void {
    if (this.#mayEnd() && !this.#reader?.isDecoding) this.#halt.abort(new Error('the call has reached its time'));
  }

  #cursor(): MergeCursor {
    const done = this.#isRead && this.#ledger.size === 0 && !this.#restart;
    return this.#ledger.cursor(this.#cutter.point, done, this.#ahead);
  }

  /** Reports the cursor each second: also while the store is away, so that the call is known to live. */
  async #tick(): Promise<void> {
    const { clock, onCheckpoint, batch } = this.#options;
    for (;;) {
      onCheckpoint(this.#cursor());
      await orAborted(clock.sleep(CHECKPOINT_INTERVAL_MS, this.#over.signal), this.#over.signal).catch(() => undefined);
      if (this.#over.signal.aborted) return;
      if (!this.#isIndexing) void this.#writeIndex().catch((error: unknown) => { this.#fail(error); });
      this.#haltWhereDue();
      const group = this.#stall?.look() ?? null;
      if (group !== null && group + 1 < this.#untilGroup && group + 1 < batch.groups.length) {
        this.#stalledAtGroup = group;
        this.#halt.abort(new Error(`group ${group} holds up those behind it`));
      }
    }
  }

  /** Writes the rows of what was published. One write at a time. */
  #writeIndex(): Promise<void> {
    this.#indexing = this.#indexing.then(async () => {
      this.#isIndexing = true;
      const rows = this.#ledger.publishedRows();
      await this.#options.records.addChunkRows(rows, this.#indexCutOff.signal);
      this.#ledger.indexed(rows.length);
      this.#isIndexing = false;
      this.#wake?.();
    });
    return this.#indexing;
  }
}

/** How many of the signals of A3 a failure or a restart raises, the first one first. */
function signalsRaisedBy(error: unknown): 1 | 2 | 3 {
  if (!(error instanceof Restart)) return 3;
  return error.kind === 'upload' ? 2 : 1;
}
