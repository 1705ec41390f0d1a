/**
 * Merges one batch from a cursor on: the streaming stages of the merge, wired together, and the checkpoints.
 *
 * Invariants:
 * M1. A failure record is durable before any byte after that source is read on.
 * M2. A checkpoint is: write the index rows of what was published, then report the cursor.
 * M3. When `run` returns or throws, no request of it is in flight, and every slot is free.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import pLimit, { type LimitFunction } from 'p-limit';
import { TributaryError } from '../contracts/errors.ts';
import type { Ended, MergeCursor, OpenChunk, Position } from '../contracts/cursor.ts';
import type { Limits } from '../contracts/limits.ts';
import type { MergeSpec } from '../contracts/merge.ts';
import type { PlannedBatch } from '../contracts/plan.ts';
import type { FailureRecord } from '../contracts/records.ts';
import { addRequests, emptyRequests, subtractRequests, type Requests } from '../contracts/tally.ts';
import { NOTHING_ENDED } from '../core/ended.ts';
import { chunkKey } from '../core/names.ts';
import type { StoreSession } from '../stores/registry.ts';
import { adoptUploads, type AdoptedUpload } from './adopt.ts';
import { ChunkRestart, ChunkWriter, type ChunkWriterOptions } from './chunk-writer.ts';
import { Cutter } from './cutter.ts';
import { createDecoder, type Decoder } from './decode.ts';
import { Ledger } from './ledger.ts';
import type { PlanReader } from './plan-reader.ts';
import { isSourceError, Prefetch, PrefetchClosed } from './prefetch.ts';
import { readingList, type SourceStretch } from './reading-list.ts';
import type { RunRecords } from './run-records.ts';
import { SLOT_BYTES, type Piece, type Reservation, type Slab, type Slot } from './slab.ts';
import { groupToken, UploadOpener } from './uploads.ts';
import type { ChunkObject } from './publish.ts';

/** Guaranteed slots that the decoder may use, so that prefetched input can never take its room. */
const DECODER_SLOTS = 4;
/** Chunks begun and not published, for each upload lane: bounds what a kill makes to be done again. */
const CHUNKS_PER_LANE = 4;
const CHECKPOINT_INTERVAL_MS = 1000;
/** How long running uploads may take to end after an interruption before they are cut off. */
const INTERRUPT_GRACE_MS = 2000;

/** Slots that one call needs to make progress: a part's bytes lie in at most two half-empty slots for each slot's worth, and one more. */
export function slotsPerCall(partBytes: number, decode: boolean): number {
  return 2 * Math.ceil(partBytes / SLOT_BYTES) + 1 + (decode ? DECODER_SLOTS : 0);
}

export interface MergeBatchOptions {
  readonly spec: MergeSpec;
  readonly stamp: string;
  readonly batch: PlannedBatch;
  readonly plan: PlanReader;
  readonly source: StoreSession;
  readonly target: StoreSession;
  readonly createOnce: boolean;
  readonly records: RunRecords;
  readonly slab: Slab;
  readonly limits: Limits;
  readonly onError: 'continue' | 'stop';
  /** Whether an earlier attempt may have left uploads that the cursor does not know. */
  readonly recovering: boolean;
  /** When to return although there is more to do. */
  readonly deadline: AbortSignal;
  /** Cancel, pause or shutdown: return soon. */
  readonly interrupt: AbortSignal;
  readonly onCheckpoint: (cursor: MergeCursor) => void;
}

/**
 * @param cursor where to start
 * @returns the cursor after what was done: `done` where the batch is finished, else because of the deadline or an interruption
 * @throws TributaryError where the run cannot go on
 */
export async function mergeBatch(options: MergeBatchOptions, cursor: MergeCursor): Promise<MergeCursor> {
  let from = cursor;
  let counts: Counts = { requests: emptyRequests(), retries: 0 };
  let recovering = options.recovering;
  while (!from.done && !options.deadline.aborted && !options.interrupt.aborted) {
    from = await new BatchAttempt({ ...options, recovering }, from, counts).run();
    counts = countsOf(options);
    // An attempt ends without being done or told to only where a chunk has to start again: that one left parts behind.
    recovering = true;
  }
  return from;
}

/** The cursor at the start of a batch. */
export function startCursor(emptyTally: MergeCursor['tally']): MergeCursor {
  return { v: 1, low: { group: 0, row: 0, offset: 0 }, chunk: 0, tally: emptyTally, open: [], done: false };
}

class BatchAttempt {
  readonly #options: MergeBatchOptions;
  readonly #from: MergeCursor;
  readonly #ledger: Ledger;
  readonly #lane: LimitFunction;
  readonly #cutOff = new AbortController();
  readonly #opener: UploadOpener;
  readonly #adopted = new Map<OpenChunk, AdoptedUpload>();
  #reservation: Reservation | null = null;
  #cutter: Cutter;
  #decoderSlot: Slot | null = null;
  #failure: { readonly error: unknown } | null = null;
  #restart: ChunkWriter | null = null;
  #done = false;
  #indexing: Promise<void> = Promise.resolve();
  #wake: (() => void) | null = null;

  /** @param before what the sessions had counted when `from` was made */
  constructor(options: MergeBatchOptions, from: MergeCursor, before: Counts) {
    const { spec, batch, target, slab, limits } = options;
    this.#options = options;
    this.#from = from;
    this.#lane = pLimit(limits.uploads);
    const known = new Map(from.open.map((open) => [this.#object(open.start.group, open.chunk).key, open.uploadId]));
    this.#opener = new UploadOpener(target.store, this.#cutOff.signal, spec.output, options.recovering, known);
    this.#ledger = new Ledger({
      base: from.tally,
      counts: () => {
        const { requests, retries } = countsOf(options);
        return { requests: subtractRequests(requests, before.requests), retries: retries - before.retries };
      },
      dirOf: (group) => batch.groups[group]?.dir ?? '',
    });
    this.#cutter = new Cutter(spec.chunk, slab, { at: from.low, chunk: from.chunk, ended: NOTHING_ENDED }, {
      begin: (group, chunk, start, ended) => this.#begin(group, chunk, start, ended),
      adopted: (open, ended) => this.#adopt(open, ended),
      finish: (writer, end, ended) => { writer.finish(end, ended, () => { this.#opener.closed(writer); this.#wake?.(); }); },
      forget: (writer) => { this.#ledger.forget(writer); },
      newline: () => this.#newline(),
    });
  }

  async run(): Promise<MergeCursor> {
    const { spec, slab, interrupt, deadline } = this.#options;
    const ticking = new AbortController();
    const ticker = this.#tick(ticking.signal);
    const onInterrupt = (): void => {
      void sleep(INTERRUPT_GRACE_MS, undefined, { ref: false }).then(() => { this.#cutOff.abort(new Error('the call was interrupted')); });
      this.#wake?.();
    };
    interrupt.addEventListener('abort', onInterrupt, { once: true });
    const stop = AbortSignal.any([interrupt, deadline]);
    try {
      this.#reservation = await slab.reserve(slotsPerCall(spec.partBytes, spec.compression.input === 'auto'), stop);
      await this.#readAll(this.#reservation, stop);
    } catch (error) {
      if (!stop.aborted || (error !== stop.reason && !(error instanceof PrefetchClosed))) this.#fail(error);
    }
    // After a failure nothing that is still on its way is worth waiting for.
    if (this.#failure) this.#cutOff.abort(new Error('the call failed'));
    await this.#ledger.settled();
    ticking.abort();
    await ticker;
    interrupt.removeEventListener('abort', onInterrupt);
    this.#decoderSlot?.release();
    this.#ledger.discard();
    this.#reservation?.end();
    if (this.#failure && !interrupt.aborted) throw this.#failure.error;
    await this.#writeIndex().catch((error: unknown) => { if (!interrupt.aborted) throw error; });
    return this.#cursor();
  }

  async #readAll(reservation: Reservation, stop: AbortSignal): Promise<void> {
    const { spec, batch, plan, records, limits, source } = this.#options;
    const decode = spec.compression.input === 'auto';
    const failures = await records.failures(this.#cutOff.signal);
    const open = await adoptUploads(this.#options, this.#from.open, failures, this.#cutOff.signal);
    for (const adopted of open) this.#adopted.set(adopted.open, adopted);
    const prefetch = new Prefetch({
      store: source.store, bucket: spec.source.bucket, reservation, downloads: limits.downloads, decode, keepFree: decode ? DECODER_SLOTS : 0,
      items: readingList({ spec, batch, plan, from: this.#from.low, open: open.map((adopted) => adopted.open), records: failures }),
    });
    const onStop = (): void => { void prefetch.close(); this.#wake?.(); };
    stop.addEventListener('abort', onStop, { once: true });
    try {
      await this.#consume(prefetch, stop);
    } finally {
      stop.removeEventListener('abort', onStop);
      await prefetch.close();
    }
  }

  async #consume(prefetch: Prefetch, stop: AbortSignal): Promise<void> {
    let decoder: Decoder | null = null;
    let stretch: SourceStretch | null = null;
    const broken = async (error: TributaryError): Promise<void> => {
      if (!stretch) throw error;
      decoder?.destroy();
      decoder = null;
      prefetch.drop(stretch.row);
      await this.#sourceBroken(stretch, error);
      stretch = null;
    };
    while (!stop.aborted && !this.#failure && !this.#restart) {
      const event = await prefetch.next();
      if (isAborted(stop)) {
        if (event?.kind === 'piece') event.piece.slot.release();
        break;
      }
      if (event === null) {
        this.#cutter.finish(this.#options.batch.groups.length);
        this.#done = true;
        return;
      }
      if (event.kind === 'jump') await this.#cutter.jump(event.item.open);
      else if (event.kind === 'begin') {
        stretch = event.stretch;
        this.#cutter.begin(stretch, event.firstOffset);
        if (event.encoding === 'unsupported') await broken(new TributaryError('TRB-SOURCE-ENCODING', `${stretch.key} is compressed in a way that is not supported`));
        else if (event.encoding !== 'plain') decoder = createDecoder(event.encoding, (bytes) => this.#decoded(bytes));
      } else if (event.kind === 'broken') await broken(event.error);
      else if (event.kind === 'piece') {
        if (!decoder) await this.#cutter.append(event.piece);
        else {
          const input = event.piece;
          try {
            await decoder.write(input.bytes.subarray(input.start, input.end));
          } catch (error) {
            if (!isSourceError(error)) throw error;
            await broken(error);
          } finally {
            input.slot.release();
          }
        }
      } else {
        try {
          await decoder?.end();
        } catch (error) {
          if (!isSourceError(error)) throw error;
          await broken(error);
        }
        decoder?.destroy();
        decoder = null;
        if (stretch) await this.#cutter.end();
        stretch = null;
      }
    }
    decoder?.destroy();
  }

  /** Copies decoded bytes into the slab, where they are counted and sent from. */
  async #decoded(bytes: Uint8Array): Promise<void> {
    for (let from = 0; from < bytes.length;) {
      const slot = await this.#decoderRoom();
      const lengthBytes = Math.min(slot.freeBytes, bytes.length - from);
      const piece = slot.take(lengthBytes);
      piece.bytes.set(bytes.subarray(from, from + lengthBytes), piece.start);
      from += lengthBytes;
      await this.#cutter.append(piece);
    }
  }

  async #newline(): Promise<Piece> {
    const piece = (await this.#decoderRoom()).take(1);
    piece.bytes[piece.start] = 0x0a;
    return piece;
  }

  async #decoderRoom(): Promise<Slot> {
    while (!this.#decoderSlot || this.#decoderSlot.freeBytes === 0) {
      this.#decoderSlot?.release();
      this.#decoderSlot = this.#reservation?.tryAcquire() ?? null;
      if (!this.#decoderSlot) await Promise.race([this.#reservation?.freed(), this.#woken()]);
      if (this.#failure) throw this.#failure.error;
      this.#options.interrupt.throwIfAborted();
    }
    return this.#decoderSlot;
  }

  async #sourceBroken(stretch: SourceStretch, error: TributaryError): Promise<void> {
    const { record } = stretch;
    const { keep, readBytes, sent } = this.#cutter.takeBack();
    if (record && keep >= record.keep) {
      this.#cutter.giveUp(record.outcome, record.code);
      return;
    }
    const failure: FailureRecord = {
      row: stretch.row, uri: `s3://${this.#options.spec.source.bucket}/${stretch.key}`, outcome: record?.outcome ?? (readBytes === 0 ? 'failed' : 'partial'),
      code: record?.code ?? error.code, reason: error.message, bytes: stretch.sizeBytes, offset: readBytes, keep,
    };
    await this.#options.records.addFailure(failure, this.#cutOff.signal);
    if (this.#options.onError === 'stop') throw error;
    if (sent) throw new ChunkRestart(sent, error.message);
    this.#cutter.giveUp(failure.outcome, failure.code);
  }

  async #begin(group: number, chunk: number, start: Position, endedAtStart: Ended): Promise<ChunkWriter> {
    while (this.#ledger.unpublished >= this.#options.limits.uploads * CHUNKS_PER_LANE) {
      await this.#woken();
      if (this.#failure) throw this.#failure.error;
      this.#options.interrupt.throwIfAborted();
    }
    const writer = new ChunkWriter(this.#writerOptions(group, chunk, start, endedAtStart));
    this.#ledger.begin(writer);
    return writer;
  }

  async #adopt(open: OpenChunk, endedAtStart: Ended): Promise<ChunkWriter> {
    const adopted = this.#adopted.get(open);
    if (!adopted) throw new TributaryError('TRB-INTERNAL', 'a jump leads to an upload that was not adopted');
    const options = this.#writerOptions(open.start.group, open.chunk, open.start, endedAtStart);
    await this.#opener.adopt(options.object, adopted.upload);
    const writer = ChunkWriter.adopt(options, open, adopted.upload, endedAtStart);
    this.#ledger.begin(writer);
    return writer;
  }

  #object(group: number, chunk: number): ChunkObject {
    const { spec, stamp, batch } = this.#options;
    const planned = batch.groups[group];
    if (!planned) throw new TributaryError('TRB-INTERNAL', `the batch has no group ${group}`);
    const key = chunkKey(spec.target.prefix, planned.dir, stamp, chunk, planned.ext);
    return { bucket: spec.target.bucket, key, token: `${stamp}/${groupToken(planned.dir)}/${chunk}` };
  }

  #writerOptions(group: number, chunk: number, start: Position, endedAtStart: Ended): ChunkWriterOptions {
    const { spec, target, createOnce } = this.#options;
    return {
      object: this.#object(group, chunk),
      group, chunk, start, endedAtStart,
      context: { store: target.store, createOnce, signal: this.#cutOff.signal },
      output: spec.output, partBytes: spec.partBytes, lane: this.#lane,
      openUpload: (object) => this.#opener.open(object),
      onError: (error) => { this.#fail(error); },
    };
  }

  #fail(error: unknown): void {
    if (error instanceof ChunkRestart) this.#restart ??= error.writer;
    else this.#failure ??= { error };
    this.#wake?.();
  }

  #woken(): Promise<void> {
    return new Promise((resolve) => { this.#wake = resolve; });
  }

  #cursor(): MergeCursor {
    const done = this.#done && this.#ledger.size === 0 && !this.#restart;
    return this.#ledger.cursor(this.#cutter.point, done, this.#restart);
  }

  /** Reports the cursor each second: also while the store is away, so that the call is known to live. */
  async #tick(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#options.onCheckpoint(this.#cursor());
      await sleep(CHECKPOINT_INTERVAL_MS, undefined, { signal }).catch(() => undefined);
      void this.#writeIndex().catch((error: unknown) => { this.#fail(error); });
    }
  }

  /** Writes the rows of what was published. One write at a time. */
  #writeIndex(): Promise<void> {
    const signal = this.#options.interrupt.aborted ? AbortSignal.timeout(INTERRUPT_GRACE_MS) : this.#cutOff.signal;
    this.#indexing = this.#indexing.then(async () => {
      const rows = this.#ledger.publishedRows();
      await this.#options.records.addChunkRows(rows, signal);
      this.#ledger.indexed(rows.length);
    });
    return this.#indexing;
  }
}

interface Counts { readonly requests: Requests; readonly retries: number }

/** What the sessions of a call have counted so far. Source and target may be one session. */
function countsOf({ source, target }: Pick<MergeBatchOptions, 'source' | 'target'>): Counts {
  if (source === target) return { requests: { ...source.requests }, retries: source.retries() };
  return { requests: addRequests(source.requests, target.requests), retries: source.retries() + target.retries() };
}

function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}
