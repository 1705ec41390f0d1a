/**
 * The data sets, and their bytes: pure functions of a name and a seed, so that every process makes the same ones by itself.
 *
 * Invariants:
 * - Lines of a set are equally long, and sources end with one: so a chunk of N lines is a range of bytes, and a client that looks at no byte
 *   can write the very same chunks.
 * - The content of a source is a stretch of one block of lines, repeated. Which stretch is its variant; there are few of them, so that
 *   sources need not be kept one by one.
 */
import { gzipSync } from 'node:zlib';
import { createRandom, seedOf } from '../src/core/random.ts';

export interface DataSet {
  readonly name: string;
  /** What it is, for people. */
  readonly title: string;
  readonly directories: number;
  readonly objectsPerDirectory: number;
  /** Bytes of lines in each source. */
  readonly objectBytes: number;
  readonly lineBytes: number;
  /** A chunk has this many lines. */
  readonly chunkLines: number;
  readonly gzip: boolean;
}

export interface Source {
  readonly key: string;
  readonly directory: number;
  readonly variant: number;
}

const MIB = 2 ** 20;
const SETS: readonly DataSet[] = [
  { name: 'large', title: '64 × 16 MiB', directories: 1, objectsPerDirectory: 64, objectBytes: 16 * MIB, lineBytes: 128, chunkLines: 2 ** 21, gzip: false },
  { name: 'huge', title: 'one object of 4 GiB', directories: 1, objectsPerDirectory: 1, objectBytes: 4096 * MIB, lineBytes: 128, chunkLines: 2 ** 23, gzip: false },
  { name: 'middle', title: '1,000 × 1 MB in 10 directories', directories: 10, objectsPerDirectory: 100, objectBytes: 1_000_000, lineBytes: 100, chunkLines: 320_000, gzip: false },
  { name: 'small', title: '20,000 × 10 KB in 20 directories', directories: 20, objectsPerDirectory: 1000, objectBytes: 10_000, lineBytes: 100, chunkLines: 25_500, gzip: false },
  { name: 'tiny', title: '200,000 × 1 KB in 200 directories', directories: 200, objectsPerDirectory: 1000, objectBytes: 1000, lineBytes: 100, chunkLines: 25_500, gzip: false },
  { name: 'directories', title: '5,000 directories of 4 × 1 KB', directories: 5000, objectsPerDirectory: 4, objectBytes: 1000, lineBytes: 100, chunkLines: 25_500, gzip: false },
  { name: 'gzip', title: '128 × 4 MB of lines, gzip', directories: 4, objectsPerDirectory: 32, objectBytes: 4_000_000, lineBytes: 100, chunkLines: 1_280_000, gzip: true },
  { name: 'lines-20', title: '32 × 16 MB, lines of 20 bytes', directories: 2, objectsPerDirectory: 16, objectBytes: 16_000_000, lineBytes: 20, chunkLines: 6_400_000, gzip: false },
  { name: 'lines-200', title: '32 × 16 MB, lines of 200 bytes', directories: 2, objectsPerDirectory: 16, objectBytes: 16_000_000, lineBytes: 200, chunkLines: 640_000, gzip: false },
  { name: 'lines-10M', title: '24 × 20 MiB, lines of 10 MiB', directories: 2, objectsPerDirectory: 12, objectBytes: 20 * MIB, lineBytes: 10 * MIB, chunkLines: 8, gzip: false },
  { name: 'line-1G', title: 'one line of 1 GiB', directories: 1, objectsPerDirectory: 1, objectBytes: 1024 * MIB, lineBytes: 1024 * MIB, chunkLines: 1, gzip: false },
];

export const SET_NAMES: readonly string[] = SETS.map(({ name }) => name);

/** @param name one of `SET_NAMES`; with `/n` behind it, an n-th of that set: of its directories or, where it has few, of its sources, or of the one source's bytes */
export function findSet(name: string): DataSet {
  const [base = '', divisor = '1'] = name.split('/');
  const set = SETS.find((one) => one.name === base);
  const by = Number(divisor);
  if (!set || !Number.isInteger(by) || by < 1) throw new Error(`there is no data set ${name}; there are ${SET_NAMES.join(', ')}, and NAME/2 for a half`);
  if (by === 1) return set;
  const title = `1/${by} of ${set.title}`;
  if (set.directories % by === 0) return { ...set, name, title, directories: set.directories / by };
  if (set.objectsPerDirectory % by === 0) return { ...set, name, title, objectsPerDirectory: set.objectsPerDirectory / by };
  if (set.objectBytes % (by * set.lineBytes) === 0) return { ...set, name, title, objectBytes: set.objectBytes / by };
  throw new Error(`${base} cannot be divided by ${by}`);
}

/** Where the sources of a set are, in its bucket; each set has a place of its own. */
export function prefixOf({ name }: DataSet): string {
  return `${name.replace('/', '-')}/`;
}

/** Name of a directory, relative to the prefix; without a slash. */
export function directoryName(directory: number): string {
  return `d${String(directory).padStart(5, '0')}`;
}

/** The sources in key order. */
export function* sourcesOf(set: DataSet): Generator<Source> {
  for (let directory = 0; directory < set.directories; directory += 1) {
    const folder = `${prefixOf(set)}${directoryName(directory)}/`;
    for (let index = 0; index < set.objectsPerDirectory; index += 1) {
      const number = directory * set.objectsPerDirectory + index;
      yield { key: `${folder}${String(index).padStart(6, '0')}.log${set.gzip ? '.gz' : ''}`, directory, variant: number % VARIANTS };
    }
  }
}

/** How many contents there are. A prime, so that they do not fall into step with chunks and parts. */
export const VARIANTS = 31;

/** A part of a repeated block. */
const BLOCK_BYTES = 4 * MIB;

/** The contents of a set: of variants, without keeping them. */
export class Contents {
  readonly #set: DataSet;
  readonly #block: Buffer;
  readonly #starts: readonly number[];

  constructor(set: DataSet, seed: number) {
    this.#set = set;
    const { lineBytes } = set;
    const linesInBlock = Math.max(1, Math.floor(BLOCK_BYTES / lineBytes));
    // A line that is longer than any block is the block again and again, and ends with the source.
    const blockBytes = lineBytes > BLOCK_BYTES * 4 ? BLOCK_BYTES : linesInBlock * lineBytes;
    const random = createRandom(seedOf(seed, lineBytes));
    const letters = new Uint32Array(Math.ceil(blockBytes / 4));
    for (let at = 0; at < letters.length; at += 1) letters[at] = WORDS[random.below(WORDS.length)] ?? 0;
    this.#block = Buffer.from(letters.buffer, 0, blockBytes);
    for (let end = lineBytes; end <= blockBytes; end += lineBytes) this.#block[end - 1] = LF;
    this.#starts = Array.from({ length: VARIANTS }, () => random.below(Math.max(1, linesInBlock)) * lineBytes % blockBytes);
  }

  /** Bytes `[from, to)` of a source's lines, as views that are not to be changed. */
  * slices(variant: number, from: number, to: number): Generator<Buffer> {
    const block = this.#block;
    const start = this.#starts[variant] ?? 0;
    const endsWithLine = this.#set.lineBytes > block.length && to === this.#set.objectBytes;
    const end = endsWithLine ? to - 1 : to;
    for (let at = from; at < end;) {
      const inBlock = (start + at) % block.length;
      const view = block.subarray(inBlock, Math.min(block.length, inBlock + end - at));
      yield view;
      at += view.length;
    }
    if (endsWithLine) yield NEWLINE;
  }

  /** A source as it is stored. For sources that fit memory. */
  stored(variant: number): Buffer {
    const lines = Buffer.concat([...this.slices(variant, 0, this.#set.objectBytes)]);
    return this.#set.gzip ? gzipSync(lines, { level: 1 }) : lines;
  }
}

const LF = 0x0a;
const NEWLINE = Buffer.of(LF);
/** Four letters each; text of them compresses about as well as a log does. */
const WORDS = Array.from({ length: 256 }, (_, index) =>
  Buffer.from(`${String.fromCharCode(0x61 + index % 26, 0x61 + (index >> 4))}${index % 7}${index % 3 === 0 ? ' ' : '-'}`).readUInt32LE());

export interface Totals { readonly objects: number; readonly bytes: number; readonly lines: number; readonly chunks: number }

/** What a run over the set has to come to; bytes are those of lines. */
export function totalsOf(set: DataSet): Totals {
  const objects = set.directories * set.objectsPerDirectory;
  const linesInDirectory = set.objectsPerDirectory * set.objectBytes / set.lineBytes;
  return {
    objects, bytes: objects * set.objectBytes, lines: set.directories * linesInDirectory,
    chunks: set.directories * Math.ceil(linesInDirectory / set.chunkLines),
  };
}
