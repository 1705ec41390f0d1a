import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { chunkName } from '../../../src/core/names.ts';
import { checkMerged } from '../../support/invariants.ts';
import { makeSources } from '../../support/numbered-lines.ts';
import { referenceMerge, type ReferenceOptions } from '../../support/reference-merge.ts';

const stamp = '20260102T030405Z-9abcdef0';

/** The reference as a run would have written it. */
function outputsOf(sources: ReadonlyMap<string, Buffer>, options: ReferenceOptions): Map<string, Buffer> {
  return new Map([...referenceMerge(sources, options)].map(([path, bytes]) =>
    [`${path.slice(0, -8)}${chunkName(stamp, Number(path.slice(-8)), 'log')}`, bytes]));
}

describe('checkMerged', () => {
  it('finds nothing in what the reference merge writes', () => {
    const chunk = fc.oneof(fc.record({ lines: fc.integer({ min: 1, max: 300 }) }), fc.record({ bytes: fc.integer({ min: 1, max: 20_000 }) }));
    const groupBy = fc.oneof(fc.constant('directory' as const), fc.record({ depth: fc.nat({ max: 3 }) }));
    fc.assert(fc.property(fc.integer(), fc.record({ chunk, groupBy }), (seed, options) => {
      const sources = makeSources(seed);
      expect(checkMerged(sources, outputsOf(sources, options), options)).toEqual([]);
    }), { numRuns: 40 });
  });

  const sources = new Map(Object.entries({
    'a/1': '#0:0 x\r\n#0:1 \xff\n#0:2 y\n', 'a/2': '#1:0 no newline', 'a/3': '#2:0 z\n', 'b/1': '#3:0 u\n#3:1 v\n',
  }).map(([key, text]) => [key, Buffer.from(text, 'latin1')]));
  const options: ReferenceOptions = { chunk: { lines: 2 } };
  const name = (chunk: number): string => chunkName(stamp, chunk, 'log');

  /** Plants a defect in right output, chunk by chunk; null takes the chunk away. */
  const plant = (changes: Record<string, string | null>): string[] => {
    const outputs = outputsOf(sources, options);
    for (const [key, text] of Object.entries(changes)) {
      if (text === null) outputs.delete(key);
      else outputs.set(key, Buffer.from(text, 'latin1'));
    }
    return checkMerged(sources, outputs, options);
  };

  it.each<[string, Record<string, string | null>, string[]]>([
    ['nothing', {}, []],
    ['a lost line', { [`a/${name(1)}`]: '#0:2 y\n' },
      ['count: a/00000001 has 1 lines, not 2', 'lost: line #1:0', 'differs: a/00000001 at byte 7 of 23']],
    ['a doubled line', { [`a/${name(2)}`]: '#1:0 no newline\n#2:0 z\n' }, ['doubled: line #1:0 in a/00000002', 'differs: a/00000002 at byte 1 of 7']],
    ['a line under another directory', { [`a/${name(2)}`]: null, [`b/${name(1)}`]: '#2:0 z\n' },
      ['misplaced: line #2:0 of "a/" in b/00000001', 'missing: a/00000002', 'invented: chunk b/00000001']],
    ['a copy under another directory', { [`b/${name(1)}`]: '#2:0 z\n' }, ['misplaced: line #2:0 of "a/" in b/00000001', 'invented: chunk b/00000001']],
    ['reordered lines', { [`b/${name(0)}`]: '#3:1 v\n#3:0 u\n' }, ['reordered: line #3:0 in b/00000000', 'differs: b/00000000 at byte 3 of 14']],
    ['a cut one line late', { [`a/${name(1)}`]: '#0:2 y\n#1:0 no newline\n#2:0 z\n', [`a/${name(2)}`]: null },
      ['count: a/00000001 has 3 lines, not 2', 'differs: a/00000001 at byte 23 of 23', 'missing: a/00000002']],
    ['an empty chunk', { [`b/${name(1)}`]: '' }, ['empty: b/00000001', 'invented: chunk b/00000001']],
    ['a missing chunk', { [`a/${name(0)}`]: null }, ['lost: line #0:0', 'lost: line #0:1', 'missing: a/00000000']],
    ['a chunk of a second run', { [`b/${chunkName('20260102T030405Z-00000000', 0, 'log')}`]: '#3:0 u\n#3:1 v\n' }, [`doubled: chunk b/${name(0)}`]],
    ['a foreign object', { 'b/merged-2024.log': 'x\n' }, ['foreign: b/merged-2024.log']],
    ['a line from nowhere', { [`a/${name(2)}`]: '#2:0 z\n#9:9 \n' }, ['invented: line #9:9 in a/00000002', 'differs: a/00000002 at byte 7 of 7']],
    ['no newline after a source', { [`a/${name(1)}`]: '#0:2 y\n#1:0 no newline#2:0 z\n', [`a/${name(2)}`]: null },
      ['lost: line #2:0', 'differs: a/00000001 at byte 22 of 23', 'missing: a/00000002']],
    ['a changed byte', { [`a/${name(2)}`]: '#2:0 Z\n' }, ['differs: a/00000002 at byte 5 of 7']],
    ['CRLF turned into LF', { [`a/${name(0)}`]: '#0:0 x\n#0:1 \xff\n' }, ['differs: a/00000000 at byte 6 of 15']],
    ['bytes decoded as UTF-8', { [`a/${name(0)}`]: '#0:0 x\r\n#0:1 \xef\xbf\xbd\n' }, ['differs: a/00000000 at byte 13 of 15']],
  ])('finds %s', (_, changes, findings) => {
    expect(plant(changes)).toEqual(findings);
  });

  it('takes lines that damage made twice as the bytes that they are', () => {
    const damaged = new Map([['a/1', Buffer.from('#0:0 x\n#0:1 y\n#0:0 x\n')], ['a/2', Buffer.from('#0:1 z\n')]]);
    const outputs = outputsOf(damaged, options);
    expect(checkMerged(damaged, outputs, options)).toEqual([]);
    outputs.set(`a/${name(0)}`, Buffer.from('#0:1 y\n#0:0 x\n'));
    expect(checkMerged(damaged, outputs, options)).toEqual([expect.stringMatching(/^differs: a\/00000000 /)]);
  });

  it('spells out five findings of a kind and counts the others', () => {
    const many = new Map([['x', Buffer.from(Array.from({ length: 9 }, (_, line) => `#0:${line} \n`).join(''))]]);
    expect(checkMerged(many, new Map(), options).slice(4, 6)).toEqual(['lost: line #0:4', 'lost: 4 more']);
  });
});
