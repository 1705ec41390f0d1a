import type { MergeSpec } from '../../src/contracts/merge.ts';

export interface ReferenceOptions {
  readonly chunk: MergeSpec['chunk'];
  readonly groupBy?: MergeSpec['groupBy'];
}

/**
 * The merge as one would write it without a thought of size: what every other way of merging has to equal.
 * @param sources contents (decoded, where they were compressed) by key relative to the source prefix
 * @returns contents by group and chunk number: `a/b/00000000`
 */
export function referenceMerge(sources: ReadonlyMap<string, Buffer>, { chunk, groupBy = 'directory' }: ReferenceOptions): Map<string, Buffer> {
  const inOrder = [...sources].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  const depth = groupBy === 'directory' ? undefined : groupBy.depth;
  const groups = Map.groupBy(inOrder, ([key]) => key.split('/').slice(0, -1).slice(0, depth).map((name) => `${name}/`).join(''));
  const chunks = new Map<string, Buffer>();
  for (const [group, members] of groups) {
    const all = Buffer.concat(members.flatMap(([, bytes]) => (bytes.length > 0 && bytes.at(-1) !== LF ? [bytes, Buffer.from('\n')] : [bytes])));
    for (let start = 0, number = 0; start < all.length; number += 1) {
      const end = 'lines' in chunk ? afterLines(all, start, chunk.lines) : afterLine(all, start + chunk.bytes - 1);
      chunks.set(`${group}${String(number).padStart(8, '0')}`, all.subarray(start, end));
      start = end;
    }
  }
  return chunks;
}

const LF = 0x0a;

/** Where the first line ends that ends at or after `at`. */
function afterLine(all: Buffer, at: number): number {
  return all.indexOf(LF, at) + 1 || all.length;
}

function afterLines(all: Buffer, start: number, lines: number): number {
  let end = start;
  for (let line = 0; line < lines && end < all.length; line += 1) end = afterLine(all, end);
  return end;
}
