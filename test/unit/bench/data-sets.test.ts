import { describe, expect, it } from '@jest/globals';
import { crc32 } from '@node-rs/crc32';
import { gunzipSync } from 'node:zlib';
import { Contents, findSet, sourcesOf, totalsOf, type DataSet } from '../../../bench/data-sets.ts';
import { chunksOf } from '../../../bench/work.ts';

const SEED = 7;
const bytesOf = (set: DataSet, contents: Contents): Buffer =>
  Buffer.concat([...sourcesOf(set)].flatMap(({ variant }) => [...contents.slices(variant, 0, set.objectBytes)]));
const linesIn = (bytes: Buffer): number[] => {
  const lines: number[] = [];
  for (let from = 0, end = bytes.indexOf(0x0a); end >= 0; from = end + 1, end = bytes.indexOf(0x0a, from)) lines.push(end + 1 - from);
  return lines;
};

describe('data sets', () => {
  it('follow from their seed', () => {
    const set = findSet('small/10');
    const first = new Contents(set, 1).stored(3);
    expect(new Contents(set, 1).stored(3).equals(first)).toBe(true);
    expect(new Contents(set, 2).stored(3).equals(first)).toBe(false);
    expect(new Contents(set, 1).stored(4).equals(first)).toBe(false);
  });

  it.each(['small/20', 'directories/1000', 'gzip/4', 'lines-10M/12'])('of %s have lines of one length', (name) => {
    const set = findSet(name);
    const stored = new Contents(set, SEED).stored(1);
    const lines = linesIn(set.gzip ? gunzipSync(stored) : stored);
    expect(new Set(lines)).toEqual(new Set([set.lineBytes]));
    expect(lines.length).toBe(set.objectBytes / set.lineBytes);
  });

  it('have a line that is longer than all that is kept of it', () => {
    const set = findSet('line-1G');
    const contents = new Contents(set, SEED);
    const end = Buffer.concat([...contents.slices(0, set.objectBytes - 3, set.objectBytes)]);
    expect(end[2]).toBe(0x0a);
    for (const view of contents.slices(0, 0, 2 ** 23)) expect(view.includes(0x0a)).toBe(false);
  });

  it('refuse what cannot be divided', () => {
    expect(() => findSet('huge/3')).toThrow('cannot be divided');
    expect(() => findSet('big')).toThrow('there is no data set big');
  });
});

describe('the requests of a set', () => {
  it.each(['small/20', 'directories/1000', 'lines-10M/12'])('of %s cover each byte once, in order, with its checksum', (name) => {
    const set = findSet(name);
    const contents = new Contents(set, SEED);
    const chunks = [...chunksOf(set, contents)];
    const parts: Buffer[] = [];
    for (const { parts: ofChunk, sizeBytes, crc32: sum } of chunks) {
      const bytes = ofChunk.map(({ reads, crc32: partSum, sizeBytes: partBytes }) => {
        const part = Buffer.alloc(partBytes);
        for (const { source: { variant }, offset, lengthBytes, at } of reads) Buffer.concat([...contents.slices(variant, offset, offset + lengthBytes)]).copy(part, at);
        expect(crc32(part)).toBe(partSum);
        return part;
      });
      const chunk = Buffer.concat(bytes);
      expect(chunk.length).toBe(sizeBytes);
      expect(crc32(chunk)).toBe(sum);
      parts.push(chunk);
    }
    expect(Buffer.concat(parts).equals(bytesOf(set, contents))).toBe(true);
    expect(chunks.length).toBe(totalsOf(set).chunks);
    expect(linesIn(parts[0]!).length).toBe(Math.min(set.chunkLines, totalsOf(set).lines / set.directories));
  });
});
