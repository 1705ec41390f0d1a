/** The requests that a merge of a set comes to, for the clients that only move bytes: which ranges land where in which part. Pure. */
import { crc32 } from '@node-rs/crc32';
import { DEFAULT_PART_BYTES } from '../src/contracts/merge.ts';
import { combineCrc32 } from '../src/core/crc32.ts';
import { directoryName, prefixOf, sourcesOf, type Contents, type DataSet, type Source } from './data-sets.ts';

/** As the product reads and writes by default. */
const RANGE_BYTES = 8 * 2 ** 20;
export const PART_BYTES = DEFAULT_PART_BYTES;

export interface Read {
  readonly source: Source;
  readonly offset: number;
  readonly lengthBytes: number;
  /** Where it lands in its part. */
  readonly at: number;
}

export interface Part {
  readonly reads: readonly Read[];
  readonly sizeBytes: number;
  readonly crc32: number;
}

export interface Chunk {
  /** Relative to the target's prefix. */
  readonly key: string;
  readonly parts: readonly Part[];
  readonly sizeBytes: number;
  readonly crc32: number;
}

/** The chunks of a set in key order, each with its parts; one part is one PutObject. */
export function* chunksOf(set: DataSet, contents: Contents): Generator<Chunk> {
  const sources = sourcesOf(set);
  const chunkBytes = set.chunkLines * set.lineBytes;
  const directoryBytes = set.objectsPerDirectory * set.objectBytes;
  for (let directory = 0; directory < set.directories; directory += 1) {
    const reading = new Reading(set, contents, sources);
    for (let chunk = 0, from = 0; from < directoryBytes; chunk += 1, from += chunkBytes) {
      const sizeBytes = Math.min(chunkBytes, directoryBytes - from);
      const parts: Part[] = [];
      for (let at = 0; at < sizeBytes; at += PART_BYTES) parts.push(reading.take(Math.min(PART_BYTES, sizeBytes - at)));
      const sum = parts.reduce((before, part) => combineCrc32(before, part.crc32, part.sizeBytes), 0);
      yield { key: `${prefixOf(set)}${directoryName(directory)}/merged-${String(chunk).padStart(8, '0')}.log`, parts, sizeBytes, crc32: sum };
    }
  }
}

/** The sources of a directory, one after another. */
class Reading {
  readonly #set: DataSet;
  readonly #contents: Contents;
  readonly #sources: Iterator<Source, void>;
  #source: Source | undefined;
  #offset = 0;

  constructor(set: DataSet, contents: Contents, sources: Iterator<Source, void>) {
    this.#set = set;
    this.#contents = contents;
    this.#sources = sources;
  }

  take(sizeBytes: number): Part {
    const reads: Read[] = [];
    let sum = 0;
    for (let at = 0; at < sizeBytes;) {
      const source = this.#source ?? this.#next();
      const lengthBytes = Math.min(RANGE_BYTES, sizeBytes - at, this.#set.objectBytes - this.#offset);
      reads.push({ source, offset: this.#offset, lengthBytes, at });
      for (const view of this.#contents.slices(source.variant, this.#offset, this.#offset + lengthBytes)) sum = crc32(view, sum);
      at += lengthBytes;
      this.#offset += lengthBytes;
      if (this.#offset === this.#set.objectBytes) this.#source = undefined;
    }
    return { reads, sizeBytes, crc32: sum };
  }

  #next(): Source {
    const { value } = this.#sources.next();
    if (!value) throw new Error('a directory has fewer sources than its chunks need');
    this.#source = value;
    this.#offset = 0;
    return value;
  }
}
