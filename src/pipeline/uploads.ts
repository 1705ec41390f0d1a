/**
 * Opens the multipart uploads of one call. It owns how many are open at once, and which were found instead of created.
 *
 * Invariants:
 * U1. At most `CURSOR_UPLOADS` are open, so that a cursor can name all of them. They open in the order of their chunks.
 * U2. While an earlier attempt may have left uploads behind, an open one of the same key is carried on before a new one is made,
 *     and the others of that key are aborted.
 */
import { createHash } from 'node:crypto';
import pLimit from 'p-limit';
import type { OutputOptions } from '../contracts/merge.ts';
import type { ObjectStore, UploadedPart } from '../stores/object-store.ts';
import type { ChunkWriter, OpenedUpload } from './chunk-writer.ts';
import { CURSOR_UPLOADS } from './ledger.ts';
import { chunkMetadata, type ChunkObject } from './publish.ts';

/** Short name of a group in tokens: 16 hex digits of the SHA-256 of its directory. */
export function groupToken(dir: string): string {
  return createHash('sha256').update(dir).digest('hex').slice(0, 16);
}

/** Parts by number. Those whose CRC the store does not list cannot be trusted and are left out. */
export function trustedParts(parts: readonly UploadedPart[]): ReadonlyMap<number, UploadedPart> {
  return new Map(parts.filter((part) => part.crc32 !== undefined).map((part) => [part.partNumber, part]));
}

export class UploadOpener {
  readonly #store: ObjectStore;
  readonly #signal: AbortSignal;
  readonly #output: OutputOptions;
  readonly #recovering: boolean;
  readonly #known: ReadonlyMap<string, string>;
  readonly #gate = pLimit(CURSOR_UPLOADS);
  /** Opens the gate for the next upload; by object key. */
  readonly #closers = new Map<string, () => void>();
  /** How many more keys are looked up: an attempt leaves at most `CURSOR_UPLOADS` uploads, and all of them behind its cursor. */
  #lookups: number;

  /** @param known uploads of the cursor that are not carried on from a part, by key */
  constructor(store: ObjectStore, signal: AbortSignal, output: OutputOptions, recovering: boolean, known: ReadonlyMap<string, string>) {
    this.#known = known;
    this.#store = store;
    this.#signal = signal;
    this.#output = output;
    this.#recovering = recovering;
    this.#lookups = recovering ? 2 * CURSOR_UPLOADS : 0;
  }

  /** Waits for its turn; then finds or creates the upload of a chunk. */
  async open(object: ChunkObject): Promise<OpenedUpload> {
    await this.#enter(object);
    const found = await this.#find(object);
    if (found) return found;
    const { uploadId } = await this.#store.createUpload({
      bucket: object.bucket, key: object.key, output: this.#output, metadata: chunkMetadata(this.#output, object.token),
    }, { signal: this.#signal });
    return { uploadId, parts: new Map() };
  }

  /** Counts an adopted upload as open, and aborts others of its key. */
  async adopt(object: ChunkObject, upload: OpenedUpload): Promise<void> {
    await this.#enter(object);
    if (this.#recovering) await this.#abortOthers(object, upload.uploadId, await this.#listed(object));
  }

  /** The chunk is published: its place is free. Does nothing for a chunk without an upload. */
  closed(writer: ChunkWriter): void {
    const { key } = writer.options.object;
    this.#closers.get(key)?.();
    this.#closers.delete(key);
  }

  #enter(object: ChunkObject): Promise<void> {
    return new Promise((entered, rejected) => {
      const onAbort = (): void => { rejected(this.#signal.reason instanceof Error ? this.#signal.reason : new Error('aborted')); };
      this.#signal.addEventListener('abort', onAbort, { once: true });
      void this.#gate(() => new Promise<void>((leave) => {
        this.#signal.removeEventListener('abort', onAbort);
        this.#closers.set(object.key, leave);
        entered();
      }));
    });
  }

  async #find(object: ChunkObject): Promise<OpenedUpload | null> {
    const known = this.#known.get(object.key);
    if (this.#lookups === 0 && known === undefined) return null;
    const listed = this.#lookups === 0 && known !== undefined ? [known] : await this.#listed(object);
    this.#lookups = Math.max(0, this.#lookups - 1);
    let best: OpenedUpload | null = null;
    for (const uploadId of listed) {
      const parts = await this.#store.listParts({ ...object, uploadId }, { signal: this.#signal });
      if (parts && (!best || parts.length > best.parts.size)) best = { uploadId, parts: trustedParts(parts) };
    }
    if (best) await this.#abortOthers(object, best.uploadId, listed);
    return best;
  }

  async #listed(object: ChunkObject): Promise<readonly string[]> {
    const uploads = await this.#store.listUploads({ bucket: object.bucket, prefix: object.key }, { signal: this.#signal });
    return uploads.filter((upload) => upload.key === object.key).map((upload) => upload.uploadId);
  }

  async #abortOthers(object: ChunkObject, keep: string, listed: readonly string[]): Promise<void> {
    for (const uploadId of listed) {
      if (uploadId !== keep) await this.#store.abortUpload({ ...object, uploadId }, { signal: this.#signal });
    }
  }
}
