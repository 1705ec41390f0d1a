/** Object keys: their order, their directories, and the groups they belong to. Keys are well-formed text, as S3 keeps them: UTF-8. */

/**
 * Orders keys by their UTF-8 bytes, as S3 lists them. That is the order of code points, in which U+E000 comes before U+1F600; the
 * order of `<` on strings is that of UTF-16 code units, in which it comes after.
 * @returns less than, equal to, or greater than 0
 */
export function compareKeys(a: string, b: string): number {
  const shorter = Math.min(a.length, b.length);
  for (let at = 0; at < shorter; at += 1) {
    const unitA = a.charCodeAt(at);
    const unitB = b.charCodeAt(at);
    if (unitA !== unitB) return rank(unitA) - rank(unitB);
  }
  return a.length - b.length;
}

/** Moves surrogates, which stand for code points from U+10000 on, behind U+E000 to U+FFFF. */
function rank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}

/** The directory of a key, with its slash: `a/b/` of `a/b/c.log`, `a//` of `a//x`, and empty at the root. */
export function directoryOf(key: string): string {
  return key.slice(0, key.lastIndexOf('/') + 1);
}

/** The file name of a key: what comes after its directory. */
export function fileNameOf(key: string): string {
  return key.slice(key.lastIndexOf('/') + 1);
}

/**
 * The group of a source: its directory, or with a depth the first `depth` directories of it. A key with fewer directories
 * than that groups by its own.
 * @param relativeKey key relative to the source prefix
 */
export function groupOf(relativeKey: string, groupBy: 'directory' | { readonly depth: number }): string {
  if (groupBy === 'directory') return directoryOf(relativeKey);
  let end = 0;
  for (let depth = 0; depth < groupBy.depth; depth += 1) {
    const slash = relativeKey.indexOf('/', end);
    if (slash === -1) break;
    end = slash + 1;
  }
  return relativeKey.slice(0, end);
}

/** Whether an object only marks a folder, as consoles make them: an empty object whose key is empty (the prefix itself) or ends in a slash. */
export function isFolderMarker(key: string, sizeBytes: number): boolean {
  return sizeBytes === 0 && (key === '' || key.endsWith('/'));
}

/** How a source is compressed. `unsupported`: in a way that is not decoded here. */
export type Encoding = 'plain' | 'gzip' | 'zstd' | 'unsupported';

const ENCODINGS: ReadonlyMap<string, Encoding> = new Map([
  ['gz', 'gzip'], ['zst', 'zstd'], ['zstd', 'zstd'],
  ['bz2', 'unsupported'], ['xz', 'unsupported'], ['lz4', 'unsupported'], ['br', 'unsupported'], ['Z', 'unsupported'],
]);

/**
 * The encoding of a source by the last extension of its name: `.gz`, `.zst`, `.zstd`, and those that are known and not supported:
 * `.bz2`, `.xz`, `.lz4`, `.br`, `.Z`. Case matters for `.Z` only.
 */
export function encodingOf(key: string): Encoding {
  const dot = key.lastIndexOf('.');
  // A dot at the start of a name makes a hidden file.
  if (dot <= key.lastIndexOf('/') + 1) return 'plain';
  const suffix = key.slice(dot + 1);
  return ENCODINGS.get(suffix) ?? ENCODINGS.get(suffix.toLowerCase()) ?? 'plain';
}

/**
 * The extension for the chunks of a group, from its first source: `log` of `a.log`, and of `a.log.gz` where sources are decoded
 * (`compressionAuto`); `txt` where the name has none of 1 to 16 letters and digits.
 */
export function extensionOf(key: string, compressionAuto: boolean): string {
  const name = fileNameOf(key);
  const decoded = compressionAuto && encodingOf(name) !== 'plain' ? name.slice(0, name.lastIndexOf('.')) : name;
  return suffixOf(decoded) ?? 'txt';
}

/** What follows the last dot, if it may serve as an extension. A dot at the start makes a hidden file, not an extension. */
function suffixOf(fileName: string): string | null {
  return /[^]\.([A-Za-z0-9]{1,16})$/.exec(fileName)?.[1] ?? null;
}
