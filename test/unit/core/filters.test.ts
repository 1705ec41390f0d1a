import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { compileSelection } from '../../../src/core/filters.ts';
import { compileGlob } from '../../../src/core/globs.ts';

describe('compileGlob', () => {
  it.each([
    ['*.log', ['x.log', 'a/b/x.log', '.log', 'a//x.log', 'a b/\nü\\.log', '../x.log'], ['x.log/y', 'x.logs', 'xlog', 'x.LOG']],
    ['*', ['x', 'a/x', 'a/', '', '../..', 'a\nb', '\u{1f600}'], []],
    ['**', ['x', 'a/x', 'a//', '..'], []],
    ['/*.log', ['x.log'], ['a/x.log']],
    ['tmp/*', ['tmp/x', 'a/tmp/x'], ['tmp/a/x', 'atmp/x']],
    ['/tmp/**', ['tmp/x', 'tmp/a/x'], ['a/tmp/x', 'tmp']],
    ['/', ['x', 'a/x', ''], []],
    ['tmp/', ['tmp/x', 'a/tmp/b/x', 'tmp/'], ['tmp', 'xtmp/y']],
    ['/a/**/b', ['a/b', 'a/x/b', 'a/x/y/b', 'a//b'], ['a/xb', 'ab', 'x/a/b']],
    ['/a**b', ['ab', 'a/b', 'axb'], ['a/bc']],
    ['**/x', ['x', 'a/x'], ['ax']],
    ['a?b', ['a-b', 'a\u{1f600}b', 'a\nb'], ['a/b', 'ab', 'a--b']],
    ['[a-c]x', ['ax', 'd/cx'], ['dx', '-x']],
    ['/a[!b-c]x', ['aax', 'aüx'], ['abx', 'a/x']],
    ['[]x]', [']', 'x'], ['[', '']],
    ['[!]]', ['x'], [']']],
    ['[a-]', ['a', '-'], ['b']],
    ['*.{log,txt,t{a,b}r}', ['x.log', 'x.txt', 'x.tar', 'x.tbr'], ['x.t', 'x.tr']],
    ['{a/b,c*}.log', ['a/b.log', 'x/a/b.log', 'c1.log'], ['b.log']],
    ['a,b}', ['a,b}'], ['a']],
    ['a\\*\\\\', ['a*\\'], ['ab\\']],
    ['a (1)+ü$^|.log', ['a (1)+ü$^|.log'], ['a 1ü.log']],
  ])('%j', (glob, matches, others) => {
    const pattern = compileGlob(glob);
    expect(matches.filter((key) => !pattern.test(key))).toEqual([]);
    expect(others.filter((key) => pattern.test(key))).toEqual([]);
  });

  it.each(['[a', '{a,b', 'a\\', '[z-a]'])('refuses %j by name', (glob) => {
    expect(() => compileGlob(glob)).toThrow(expect.objectContaining({ code: 'TRB-INVALID-INPUT', message: expect.stringContaining(`"${glob}"`) }));
  });

  it('matches any key by its own text, with \\ before what is special', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', minLength: 1 }), fc.string({ unit: 'binary' }), (key, other) => {
      const pattern = compileGlob(`/${key.replace(/[\\*?[{]|\/$/g, '\\$&')}`);
      expect(pattern.test(key)).toBe(true);
      expect(pattern.test(other)).toBe(key === other);
    }));
  });
});

describe('compileSelection', () => {
  const none = { filters: [], modifiedAfter: null, modifiedBefore: null, minBytes: null, maxBytes: null };
  const include = (glob: string) => ({ glob, include: true });
  const exclude = (glob: string) => ({ glob, include: false });
  const taken = (filters: readonly { glob: string; include: boolean }[]): string[] => {
    const select = compileSelection({ ...none, filters });
    return ['x.log', 'x.txt', 'tmp/x.log', 'tmp/keep.log'].filter((key) => select(key, 1, 0) === null);
  };

  it.each([
    ['without filters, everything', [], ['x.log', 'x.txt', 'tmp/x.log', 'tmp/keep.log']],
    ['with includes only, nothing else', [include('*.txt'), include('keep.*')], ['x.txt', 'tmp/keep.log']],
    ['with excludes only, everything else', [exclude('tmp/'), exclude('*.txt')], ['x.log']],
    ['the last match', [exclude('*'), include('*.log'), exclude('tmp/'), include('keep.*')], ['x.log', 'tmp/keep.log']],
    ['with an include first, nothing else', [include('*.log'), exclude('tmp/')], ['x.log']],
  ])('takes %s', (_, filters, expected) => {
    expect(taken(filters)).toEqual(expected);
  });

  it('names the reason, bounds as documented', () => {
    const select = compileSelection({
      filters: [exclude('*.tmp')], modifiedAfter: '2026-01-01T00:00:00.000Z', modifiedBefore: '2026-02-01T00:00:00.000Z', minBytes: 10, maxBytes: 20,
    });
    const january = Date.UTC(2026, 0, 1);
    const february = Date.UTC(2026, 1, 1);
    expect([
      select('a.tmp', 10, january), select('a', 10, january - 1), select('a', 10, january), select('a', 10, february - 1), select('a', 10, february),
      select('a', 9, january), select('a', 20, january), select('a', 21, january),
    ]).toEqual(['filter', 'too-old', null, null, 'too-new', 'too-small', null, 'too-large']);
  });
});
