import { describe, expect, it } from '@jest/globals';
import { compareKeys, directoryOf } from '../../../src/core/keys.ts';
import { DIRECTORIES, makeSources } from '../../support/numbered-lines.ts';

describe('makeSources', () => {
  const sources = makeSources(1, { sources: 400 });
  const contents = [...sources.values()];

  it('follows from its seed', () => {
    expect(makeSources(1, { sources: 400 })).toEqual(sources);
    expect(makeSources(2, { sources: 400 })).not.toEqual(sources);
  });

  it('fills every directory, and orders differently in UTF-8 and UTF-16', () => {
    expect(sources.size).toBe(400);
    expect(new Set([...sources.keys()].map(directoryOf))).toEqual(new Set(DIRECTORIES));
    expect([...sources.keys()].sort(compareKeys)).not.toEqual([...sources.keys()].sort());
  });

  it('has every kind of source that a merge may stumble over', () => {
    const kinds = {
      empty: (bytes: Buffer) => bytes.length === 0,
      'no final newline': (bytes: Buffer) => bytes.length > 0 && bytes.at(-1) !== 0x0a,
      CRLF: (bytes: Buffer) => bytes.includes('\r\n'),
      NUL: (bytes: Buffer) => bytes.includes(0),
      'invalid UTF-8': (bytes: Buffer) => !Buffer.from(bytes.toString()).equals(bytes),
      'a long line': (bytes: Buffer) => bytes.includes('long '.repeat(800)),
      'lines of one byte': (bytes: Buffer) => bytes.length > 3 && bytes.every((byte) => byte === 0x0a),
    };
    for (const [name, test] of Object.entries(kinds)) expect([name, contents.filter(test).length > 3]).toEqual([name, true]);
  });

  it('gives every other line a mark of its own', () => {
    const marks = contents.flatMap((bytes) => bytes.toString('latin1').split('\n')).filter((line) => line !== '').map((line) => /^#\d+:\d+ /.exec(line)?.[0]);
    expect(marks).not.toContain(undefined);
    expect(new Set(marks).size).toBe(marks.length);
  });
});
