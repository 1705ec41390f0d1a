import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { compareKeys, directoryOf, encodingOf, extensionOf, fileNameOf, groupOf, isFolderMarker } from '../../../src/core/keys.ts';

/** Keys whose first difference is likely to lie where UTF-8 and UTF-16 order apart. */
const key = fc.array(fc.oneof(fc.constantFrom('a', '/', '-', '0', '\u007f', 'ü', '\ud7ff', '\ue000', '\uffff', '\u{10000}', '\u{1f600}', '\u{10ffff}'),
  fc.string({ unit: 'binary', maxLength: 1 })), { maxLength: 8 }).map((parts) => parts.join(''));

describe('compareKeys', () => {
  it('orders as the UTF-8 bytes do', () => {
    fc.assert(fc.property(key, key, (a, b) => {
      expect(Math.sign(compareKeys(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
    }), { numRuns: 5000 });
  });

  it('puts U+E000 before U+1F600, which string comparison does not', () => {
    const keys = ['\u{1f600}', '\ue000'];
    expect(keys.toSorted(compareKeys)).toEqual(['\ue000', '\u{1f600}']);
    expect(keys.toSorted()).toEqual(keys);
  });
});

describe('directoryOf and fileNameOf', () => {
  it.each([
    ['x.log', '', 'x.log'], ['a/b/c.log', 'a/b/', 'c.log'], ['a//x', 'a//', 'x'], ['/x', '/', 'x'], ['a/', 'a/', ''], ['', '', ''],
  ])('split %j', (whole, directory, name) => {
    expect([directoryOf(whole), fileNameOf(whole)]).toEqual([directory, name]);
  });
});

describe('groupOf', () => {
  it.each([
    ['a/b/c/x', 'directory', 'a/b/c/'], ['x', 'directory', ''],
    ['a/b/c/x', { depth: 0 }, ''], ['a/b/c/x', { depth: 1 }, 'a/'], ['a/b/c/x', { depth: 2 }, 'a/b/'], ['a/b/c/x', { depth: 9 }, 'a/b/c/'],
    ['x', { depth: 2 }, ''], ['a/x', { depth: 2 }, 'a/'], ['a//x', { depth: 2 }, 'a//'], ['/x', { depth: 1 }, '/'],
  ] as const)('of %j by %j is %j', (relativeKey, groupBy, group) => {
    expect(groupOf(relativeKey, groupBy)).toBe(group);
  });
});

describe('isFolderMarker', () => {
  it.each([['a/', 0, true], ['', 0, true], ['a/', 5, false], ['a', 0, false]] as const)('of %j with %d bytes is %j', (whole, sizeBytes, expected) => {
    expect(isFolderMarker(whole, sizeBytes)).toBe(expected);
  });
});

describe('encodingOf', () => {
  it.each([
    ['a/b.log.gz', 'gzip'], ['b.GZ', 'gzip'], ['b.zst', 'zstd'], ['b.zstd', 'zstd'], ['b.bz2', 'unsupported'], ['b.xz', 'unsupported'],
    ['b.lz4', 'unsupported'], ['b.br', 'unsupported'], ['b.Z', 'unsupported'], ['b.z', 'plain'], ['b.log', 'plain'], ['gz', 'plain'],
    ['.gz', 'plain'], ['b.gz/x', 'plain'], ['b.constructor', 'plain'],
  ])('of %j is %s', (whole, encoding) => {
    expect(encodingOf(whole)).toBe(encoding);
  });
});

describe('extensionOf', () => {
  it.each([
    ['a/b.log', 'log', 'log'], ['b.log.gz', 'log', 'gz'], ['b.ndjson.zst', 'ndjson', 'zst'], ['b.gz', 'txt', 'gz'], ['b.tar.bz2', 'tar', 'bz2'],
    ['noext', 'txt', 'txt'], ['.hidden', 'txt', 'txt'], ['a.d/noext', 'txt', 'txt'], ['dot.', 'txt', 'txt'], ['x.a b', 'txt', 'txt'],
    ['x.ü', 'txt', 'txt'], ['x.12345678901234567', 'txt', 'txt'], ['a b+ü.log', 'log', 'log'], ['x.LOG', 'LOG', 'LOG'], ['x\n.log', 'log', 'log'],
    ['log.2026-01-01', 'txt', 'txt'], ['log.1', '1', '1'],
  ])('of %j is %j decoded and %j as it is', (whole, decoded, asItIs) => {
    expect([extensionOf(whole, true), extensionOf(whole, false)]).toEqual([decoded, asItIs]);
  });
});
