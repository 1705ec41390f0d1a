/**
 * Irregular sources in which every line says where it comes from: `#<source>:<number>`, then filling. So a line that was lost, doubled,
 * moved to another directory or reordered is told apart from all others; see `checkMerged`. Lines of one byte cannot say anything, and
 * are held to byte equality alone.
 */
import { createRandom, seedOf, type Random } from '../../src/core/random.ts';

export interface SourceOptions {
  /** How many sources. Default 60. */
  readonly sources?: number;
  /** Most lines of one source. Default 60. */
  readonly maxLines?: number;
  /** Bytes of the long lines, of which about one in twenty sources has one. Default 4000. */
  readonly longLineBytes?: number;
  /** Directories to fill, each empty or with a slash at its end. Default: a mix that sorts differently in UTF-8 and in UTF-16. */
  readonly directories?: readonly string[];
}

export const DIRECTORIES = ['', 'a/', 'a/b/', 'a-b/', 'a//', 'a/b/c/', 'dt=2026-01-01/', 'a b+ü/', '\ue000/', '\u{1f600}/', '日本/'] as const;
const NAMES = ['x.log', 'a b+ü.log', '\ue000.log', '\u{1f600}.log', '0', 'z.ndjson', '~.txt'] as const;

/** Sources by key, relative to the source prefix and in no order. Equal seeds and options give equal bytes. */
export function makeSources(seed: number, options: SourceOptions = {}): Map<string, Buffer> {
  const { sources = 60, directories = DIRECTORIES } = options;
  const made = new Map<string, Buffer>();
  for (let source = 0; source < sources; source += 1) {
    const random = createRandom(seedOf(seed, source));
    const directory = directories[random.below(directories.length)] ?? '';
    made.set(`${directory}${String(random.below(1000)).padStart(3, '0')}-${source}-${random.pick(NAMES)}`, makeSource(random, source, options));
  }
  return made;
}

function makeSource(random: Random, source: number, { maxLines = 60, longLineBytes = 4000 }: SourceOptions): Buffer {
  const count = random.chance(0.1) ? 0 : 1 + random.below(maxLines);
  if (random.chance(0.05)) return Buffer.alloc(count, '\n');
  const end = random.chance(0.2) ? '\r\n' : '\n';
  const long = random.chance(0.05) ? random.below(count + 1) : -1;
  const pieces: Buffer[] = [];
  for (let line = 0; line < count; line += 1) {
    const filling = line === long ? Buffer.alloc(longLineBytes, 'long ') : makeFilling(random);
    pieces.push(Buffer.from(`#${source}:${line} `), filling, Buffer.from(end));
  }
  if (random.chance(0.2)) pieces.pop();
  return Buffer.concat(pieces);
}

/** Bytes that no newline is among, though some look like one: NUL, a lone CR, U+000A in UTF-16, overlong and cut-off UTF-8. */
function makeFilling(random: Random): Buffer {
  return random.pick([
    () => Buffer.alloc(0),
    () => Buffer.alloc(random.below(200), 'some words and '),
    () => Buffer.from(JSON.stringify({ message: 'ünïcödé 😀', amount: random.below(1e6) })),
    () => Buffer.from([0, 0x0d, 0, 0x0b, 0x09]),
    () => Buffer.from([0xff, 0xfe, 0xc0, 0x8a, 0xe2, 0x82]),
    () => Buffer.from(Array.from({ length: random.below(40) }, () => random.below(256)).filter((byte) => byte !== 0x0a)),
  ])();
}
