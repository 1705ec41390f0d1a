import { createRandom, seedOf } from '../../src/core/random.ts';

/**
 * Large sources of numbered lines (see `numbered-lines.ts`) of some kilobytes each, that make one chunk of many parts. Equal arguments give
 * equal bytes.
 * @returns contents by key; the last source lacks its final newline
 */
export function makeBigSources(seed: number, sources: number, sourceBytes: number): Map<string, Buffer> {
  const made = new Map<string, Buffer>();
  for (let source = 0; source < sources; source += 1) {
    const random = createRandom(seedOf(seed, source));
    const bytes = Buffer.allocUnsafe(sourceBytes);
    for (let at = 0, line = 0; at < sourceBytes; line += 1) {
      const room = sourceBytes - at;
      const head = Buffer.from(`#${source}:${line} `);
      const wantedBytes = head.length + 500 + random.below(8000);
      const lengthBytes = room - wantedBytes < 10_000 ? room : wantedBytes;
      bytes.fill(0x61 + random.below(26), at, at + lengthBytes);
      head.copy(bytes, at);
      at += lengthBytes;
      bytes[at - 1] = 0x0a;
    }
    made.set(`big-${String(source).padStart(4, '0')}.log`, source === sources - 1 ? bytes.subarray(0, -1) : bytes);
  }
  return made;
}
