import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { compareKeys } from '../../../src/core/keys.ts';
import { STAMP, chunkKey, chunkName, controlPrefix, controlStampOf, isControlKey, isKeyTooLong, makeStamp, parseChunkName } from '../../../src/core/names.ts';

const startMs = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
const stamp = '20260102T030405Z-9abcdef0';

describe('makeStamp', () => {
  it('takes the start in UTC and the end of the run id', () => {
    expect(makeStamp(startMs, '01924f5e-7b3a-7c1d-8e2f-12349ABCDEF0')).toBe(stamp);
    expect(STAMP.test(stamp)).toBe(true);
  });

  it('refuses a run id that is none', () => {
    expect(() => makeStamp(startMs, 'my-run')).toThrow('my-run');
  });
});

describe('chunk names', () => {
  it('have eight digits, or as many as it takes', () => {
    expect(chunkName(stamp, 0, 'log')).toBe(`merged-${stamp}-00000000.log`);
    expect(chunkName(stamp, 123_456_789, 'log')).toBe(`merged-${stamp}-123456789.log`);
    expect(chunkKey('out/', 'a b/ü/', stamp, 7, 'txt')).toBe(`out/a b/ü/merged-${stamp}-00000007.txt`);
  });

  it('are read back as they were made, and sort by number', () => {
    const extensions = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9.]{0,15}$/);
    fc.assert(fc.property(fc.nat({ max: 2 ** 31 }), extensions, (chunk, extension) => {
      expect(parseChunkName(chunkName(stamp, chunk, extension))).toEqual({ stamp, chunk, extension });
    }));
    fc.assert(fc.property(fc.nat({ max: 99_999_999 }), fc.nat({ max: 99_999_999 }), (a, b) => {
      expect(Math.sign(compareKeys(chunkName(stamp, a, 'x'), chunkName(stamp, b, 'x')))).toBe(Math.sign(a - b));
    }));
  });

  it.each([
    'merged-2024.log', `merged-${stamp}.log`, `merged-${stamp}-0.log`, `merged-${stamp}-000000001.log`, `merged-${stamp}-00000001`,
    `merged-${stamp}-00000001.`, `old-merged-${stamp}-00000001.log`, `merged-${stamp.toUpperCase()}-00000001.log`, `merged-${stamp}-00000001.log\n`, '',
  ])('are not %j', (name) => {
    expect(parseChunkName(name)).toBeNull();
  });
});

describe('isKeyTooLong', () => {
  it('counts UTF-8 bytes', () => {
    expect([isKeyTooLong('ü'.repeat(512)), isKeyTooLong('ü'.repeat(512) + 'x')]).toEqual([false, true]);
  });
});

describe('control keys', () => {
  it('are those in the folder of some run', () => {
    expect(controlPrefix('out/', stamp)).toBe(`out/_tributary/runs/${stamp}/`);
    for (const prefix of ['', 'out/', 'a/b//']) expect(isControlKey(`${controlPrefix(prefix, stamp)}spec.json`)).toBe(true);
    for (const key of ['my_tributary/runs/x', '_tributary/run/x', '_tributary/runs', 'a/_tributary/x']) expect(isControlKey(key)).toBe(false);
  });

  it('tells whose control data a key is in', () => {
    expect(controlStampOf('merged/_tributary/runs/20260102T030405Z-89abcdef/plan/x')).toBe('20260102T030405Z-89abcdef');
    expect(controlStampOf('_tributary/runs/20260102T030405Z-89abcdef/run.json')).toBe('20260102T030405Z-89abcdef');
    for (const key of ['_tributary/runs/mine/run.json', 'x_tributary/runs/20260102T030405Z-89abcdef/', 'merged-20260102T030405Z-89abcdef-00000000.log']) expect(controlStampOf(key)).toBeNull();
  });
});
