import { describe, expect, it } from '@jest/globals';
import { referenceMerge, type ReferenceOptions } from '../../support/reference-merge.ts';

function merge(sources: Record<string, string>, options: ReferenceOptions): Record<string, string> {
  const merged = referenceMerge(new Map(Object.entries(sources).map(([key, text]) => [key, Buffer.from(text)])), options);
  return Object.fromEntries([...merged].map(([path, bytes]) => [path, bytes.toString()]));
}

describe('the reference merge', () => {
  it('concatenates each directory in UTF-8 order of keys, ends every source with a newline, and cuts after n lines', () => {
    expect(merge({ 'b/\u{1f600}': '4\n', 'b/\ue000': '3', 'b/1': '1\r\n2', 'b/2': '', 'a/x': 'x\n', 'b/c/y': 'y', 'z': '' }, { chunk: { lines: 2 } }))
      .toEqual({ 'a/00000000': 'x\n', 'b/00000000': '1\r\n2\n', 'b/00000001': '3\n4\n', 'b/c/00000000': 'y\n' });
  });

  it('makes no empty chunk of k·n lines', () => {
    expect(merge({ x: '1\n2\n\n4\n' }, { chunk: { lines: 2 } })).toEqual({ '00000000': '1\n2\n', '00000001': '\n4\n' });
  });

  it('cuts at the first line end at or after the size', () => {
    expect(merge({ x: '12\n3\n4\n56789\n' }, { chunk: { bytes: 3 } })).toEqual({ '00000000': '12\n', '00000001': '3\n4\n', '00000002': '56789\n' });
    expect(merge({ x: '12\n3\n4\n56789\n0\n' }, { chunk: { bytes: 4 } })).toEqual({ '00000000': '12\n3\n', '00000001': '4\n56789\n', '00000002': '0\n' });
    expect(merge({ x: '1\n2\n' }, { chunk: { bytes: 100 } })).toEqual({ '00000000': '1\n2\n' });
  });

  it('groups by depth', () => {
    expect(merge({ 'a/b/1': '1', 'a/c/2': '2', 'a/3': '3', 'd//4': '4', '5': '5' }, { chunk: { lines: 9 }, groupBy: { depth: 1 } }))
      .toEqual({ '00000000': '5\n', 'a/00000000': '3\n1\n2\n', 'd/00000000': '4\n' });
  });
});
