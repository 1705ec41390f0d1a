/**
 * Opens the multipart uploads of one attempt. It owns how many are open at once, and finds those that earlier attempts left.
 *
 * Invariants:
 * U1. An attempt has at most `CURSOR_UPLOADS` uploads open at once, and opens them in the order of their chunks.
 * U2. Where earlier attempts may have left uploads, an open one of the same key is carried on before a new one is made, and the others
 *     of that key are aborted. Since uploads open in order (U1), the search ends after as many chunks of which nothing is there.
 * U3. An upload that the cursor names and that is not carried on is used for its chunk, or aborted: also where that chunk has become so
 *     small that it needs none, or is not there any more, because a source broke. (One that a killed attempt left and that no cursor
 *     names is aborted at the end of the run.)
 */
import pLimit from 'p-limit';
import type { OpenChunk } from '../contracts/cursor.ts';
import type { OutputOptions } from '../contracts/merge.ts';
import { combineCrc32 } from '../core/crc32.ts';
import type { Ended } from '../core/ended.ts';
import { orAborted } from '../core/or-aborted.ts';
import type { ObjectStore, StoredObject, UploadedPart } from '../stores/object-store.ts';
import { chunkMetadata, isOurs, type ChunkObject } from './publish.ts';

/** Uploads that are open at once, for one call. */
export const CURSOR_UPLOADS = 4;

type PartsByNumber = ReadonlyMap<number, UploadedPart>;

/**
 * Where the parts of a chunk go: an upload, with the parts that the store lists for it; or nowhere, because an attempt that was
 * not heard of any more published the chunk, and only its bytes are to be compared.
 */
export type Destination =
  | { readonly kind: 'upload'; readonly uploadId: string; readonly parts: PartsByNumber }
  | { readonly kind: 'published'; readonly object: StoredObject };

/** An open chunk of the cursor that is carried on from its last acknowledged part. */
export interface AdoptedChunk {
  readonly open: OpenChunk;
  /** What ended between its start and its position. */
  readonly ended: Ended;
  readonly destination: Destination;
}

export interface UploadOpenerOptions {
  readonly store: ObjectStore;
  readonly signal: AbortSignal;
  readonly output: OutputOptions;
  /** Whether earlier attempts may have left uploads. */
  readonly resumes: boolean;
  /** Chunks that a cursor named and that are not carried on, by key. Shared by the attempts of a call. */
  readonly left: Map<string, ChunkObject>;
}

export class UploadOpener {
  readonly #options: UploadOpenerOptions;
  readonly #gate = pLimit(CURSOR_UPLOADS);
  /** Opens the gate for the next upload; by object key. */
  readonly #leave = new Map<string, () => void>();
  /** After how many more chunks without anything the search ends. */
  #searches: number;

  constructor(options: UploadOpenerOptions) {
    this.#options = options;
    this.#searches = options.resumes ? CURSOR_UPLOADS : 0;
  }

  /** Waits for its turn; then finds or creates the upload of a chunk. */
  async open(object: ChunkObject): Promise<Destination> {
    await this.enter(object);
    if (this.#options.left.delete(object.key) || this.#searches > 0) {
      const found = await this.#find(object, (parts) => parts.size) ?? await this.#published(object);
      if (found) return found;
      this.#searches = Math.max(0, this.#searches - 1);
    }
    const { store, output, signal } = this.#options;
    const { bucket, key } = object;
    const { uploadId } = await store.createUpload({ bucket, key, output, metadata: chunkMetadata(output, object.token) }, { signal });
    return { kind: 'upload', uploadId, parts: new Map() };
  }

  /**
   * What holds the acknowledged parts of a chunk: an upload, or the published object. Of what the store lists, parts are trusted by
   * their CRC, never by size.
   * @returns null where neither is there: the chunk is written again from its start
   */
  async acknowledged(object: ChunkObject, open: OpenChunk): Promise<Destination | null> {
    return await this.#find(object, (parts) => (hasParts(parts, open) ? 1 : 0)) ?? this.#published(object);
  }

  /** The chunk of the cursor is not carried on. */
  leave(object: ChunkObject): void {
    this.#options.left.set(object.key, object);
  }

  /** Aborts the uploads of a chunk that needs none, where it was left. */
  async abandon({ bucket, key }: ChunkObject): Promise<void> {
    if (!this.#options.left.delete(key)) return;
    const { store, signal } = this.#options;
    for (const upload of await store.listUploads({ bucket, prefix: key }, { signal })) {
      if (upload.key === key) await store.abortUpload({ bucket, key, uploadId: upload.uploadId }, { signal });
    }
  }

  /** Aborts the uploads of chunks that were left and are not there any more. To be called when every chunk is published. */
  async abandonRest(): Promise<void> {
    for (const object of [...this.#options.left.values()]) await this.abandon(object);
  }

  /** Counts an upload as open; waits while as many are as may be. */
  async enter({ key }: ChunkObject): Promise<void> {
    await orAborted(new Promise<void>((entered) => {
      void this.#gate(() => new Promise<void>((leave) => {
        this.#leave.set(key, leave);
        entered();
      }));
    }), this.#options.signal);
  }

  /** The chunk is published: its place is free. Does nothing for a chunk without an upload. */
  closed({ key }: ChunkObject): void {
    this.#leave.get(key)?.();
    this.#leave.delete(key);
  }

  /**
   * Of the uploads of a key the one with the highest rank; the others are aborted then. Those without parts are aborted in any case:
   * they hold nothing, and a session that tried whether it may write may have made them, without our token.
   */
  async #find({ bucket, key }: ChunkObject, rank: (parts: PartsByNumber) => number): Promise<Destination | null> {
    const { store, signal } = this.#options;
    const found: { readonly destination: Destination & { kind: 'upload' }; readonly rank: number }[] = [];
    for (const upload of await store.listUploads({ bucket, prefix: key }, { signal })) {
      if (upload.key !== key) continue;
      const { uploadId } = upload;
      const listed = await store.listParts({ bucket, key, uploadId }, { signal });
      const parts = trustedParts(listed ?? []);
      if (parts.size === 0) await store.abortUpload({ bucket, key, uploadId }, { signal });
      else found.push({ destination: { kind: 'upload', uploadId, parts }, rank: rank(parts) });
    }
    const [best, ...others] = found.sort((a, b) => b.rank - a.rank);
    if (!best || best.rank === 0) return null;
    for (const { destination: { uploadId } } of others) await store.abortUpload({ bucket, key, uploadId }, { signal });
    return best.destination;
  }

  async #published(object: ChunkObject): Promise<Destination | null> {
    const there = await this.#options.store.head({ bucket: object.bucket, key: object.key }, { signal: this.#options.signal });
    return there && isOurs(object, there) ? { kind: 'published', object: there } : null;
  }
}

/** Parts by number. Those whose CRC the store does not list cannot be trusted and are left out. */
function trustedParts(parts: readonly UploadedPart[]): PartsByNumber {
  return new Map(parts.filter((part) => part.crc32 !== undefined).map((part) => [part.partNumber, part]));
}

function hasParts(parts: PartsByNumber, open: OpenChunk): boolean {
  let sum = 0;
  let bytes = 0;
  for (let partNumber = 1; partNumber <= open.parts; partNumber += 1) {
    const part = parts.get(partNumber);
    if (part?.crc32 === undefined) return false;
    sum = combineCrc32(sum, part.crc32, part.sizeBytes);
    bytes += part.sizeBytes;
  }
  return sum === open.crc32 && bytes === open.bytes;
}
