import { directoryOf, fileNameOf } from '../../src/core/keys.ts';
import { parseChunkName } from '../../src/core/names.ts';

/** Merged objects by directory and chunk number, as the reference names them: `app/00000000`. */
export function byChunk(objects: ReadonlyMap<string, Buffer>): Map<string, Buffer> {
  return new Map([...objects].map(([key, bytes]) => [`${directoryOf(key)}${String(parseChunkName(fileNameOf(key))?.chunk).padStart(8, '0')}`, bytes]));
}

/** One sentence for each chunk that is missing, too many, or has other bytes. Jest's own comparison takes minutes for megabytes. */
export function differences(expected: ReadonlyMap<string, Buffer>, actual: ReadonlyMap<string, Buffer>): string[] {
  return [
    ...[...expected].flatMap(([name, bytes]) => {
      const found = actual.get(name);
      if (!found) return [`${name} is missing`];
      return found.equals(bytes) ? [] : [`${name} differs at byte ${bytes.findIndex((byte, at) => byte !== found[at])} of ${bytes.length}`];
    }),
    ...[...actual.keys()].filter((name) => !expected.has(name)).map((name) => `${name} is too many`),
  ];
}
