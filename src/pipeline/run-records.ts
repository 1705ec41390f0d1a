/** The records of one batch under the run's control prefix: failures, written once and obeyed by retries, and the chunk index. */
import type { Position } from '../contracts/cursor.ts';
import { isTributaryError, type ErrorCode } from '../contracts/errors.ts';
import type { ChunkRow, FailureRecord } from '../contracts/records.ts';
import { bodyOf } from '../stores/body.ts';
import { readEveryFailure, readFailure } from '../stores/failure-records.ts';
import type { ObjectStore } from '../stores/object-store.ts';

/** Races of writers that nobody won, before that is an error. */
const RACES = 5;

export interface ControlFolder { readonly bucket: string; /** `…/_tributary/runs/<stamp>/` */ readonly prefix: string }

/** Folder of a batch's records below `chunks/` and `failures/`. Padded, so that names sort as batches do. */
export function batchFolder(page: number, batch: number): string {
  return `${pad(page, 6)}-${pad(batch, 4)}/`;
}

function pad(value: number, digits: number): string {
  return String(value).padStart(digits, '0');
}

export class RunRecords {
  readonly #store: ObjectStore;
  readonly #control: ControlFolder;
  readonly #folder: string;

  constructor(store: ObjectStore, control: ControlFolder, folder: string) {
    this.#store = store;
    this.#control = control;
    this.#folder = folder;
  }

  /**
   * The failures of the batch that are on record, by plan row. Of several for one row the smallest `keep` holds.
   * @param low of the cursor. What keeps less of its source than lies before it is left out: a call that was thought dead wrote that late, and the chunks that hold more were not
   *   made under it.
   */
  async failures({ row, offset }: Position, signal: AbortSignal): Promise<Map<number, FailureRecord>> {
    const folder = { bucket: this.#control.bucket, prefix: `${this.#control.prefix}failures/${this.#folder}` };
    const every = await readEveryFailure(this.#store, folder, { signal });
    return new Map(every.filter(({ record }) => record.row !== row || record.keep >= offset).map(({ record }) => [record.row, record]));
  }

  /** Makes a failure durable. @returns the record that holds: the first of a row and `keep` stays */
  async addFailure(record: FailureRecord, signal: AbortSignal): Promise<FailureRecord> {
    const key = `${this.#control.prefix}failures/${this.#folder}${pad(record.row, 12)}-${record.keep}.json`;
    for (let tries = 1; ; tries += 1) {
      try {
        await this.#store.put({ bucket: this.#control.bucket, key, body: bodyOf(JSON.stringify(record)), ifNoneMatch: '*' }, { signal });
        return record;
      } catch (error) {
        if (!hasCode(error, 'TRB-CHUNK-CONFLICT')) throw error;
      }
      try {
        return await readFailure(this.#store, { bucket: this.#control.bucket, key }, { signal });
      } catch (error) {
        // A race of writers that nobody won.
        if (!hasCode(error, 'TRB-NO-SUCH-KEY') || tries >= RACES) throw error;
      }
    }
  }

  /** Writes rows of neighbouring chunks as one file of the chunk index. Its name says which. */
  async addChunkRows(rows: readonly ChunkRow[], signal: AbortSignal): Promise<void> {
    const [first, last] = [rows[0], rows.at(-1)];
    if (!first || !last) return;
    const place = ({ group, chunk }: ChunkRow): string => `${pad(group, 4)}.${pad(chunk, 9)}`;
    const key = `${this.#control.prefix}chunks/${this.#folder}${place(first)}-${place(last)}.ndjson`;
    const text = rows.map((row) => `${JSON.stringify(row)}\n`).join('');
    await this.#store.put({ bucket: this.#control.bucket, key, body: bodyOf(text) }, { signal });
  }
}

function hasCode(error: unknown, code: ErrorCode): boolean {
  return isTributaryError(error) && error.code === code;
}
