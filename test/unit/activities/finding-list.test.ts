import { describe, expect, it } from '@jest/globals';
import { FindingList } from '../../../src/activities/finding-list.ts';
import type { Finding } from '../../../src/contracts/report.ts';

const findingOf = (at: number, length: number): Finding => ({ mark: '-', uri: `s3://logs/${at}`.padEnd(length, 'ä'), what: 'was merged, and is gone' });

describe('a list of findings', () => {
  it('holds a few of any length, and omits none', () => {
    const list = new FindingList();
    for (let at = 0; at < 100; at += 1) list.add(findingOf(at, 1024));
    expect({ listed: list.listed.length, omitted: list.omitted }).toEqual({ listed: 100, omitted: 0 });
  });

  it.each([100, 1024])('holds the first of many of %d characters that are a MiB of JSON, and counts the others', (length) => {
    const list = new FindingList();
    for (let at = 0; at < 20_000; at += 1) list.add(findingOf(at, length));
    list.omit(5);
    const bytes = Buffer.byteLength(JSON.stringify(list.listed));
    expect(bytes).toBeLessThanOrEqual(2 ** 20 + 2);
    expect(bytes).toBeGreaterThan(0.99 * 2 ** 20);
    expect(list.listed.at(-1)).toEqual(findingOf(list.listed.length - 1, length));
    expect(list.listed.length + list.omitted).toBe(20_005);
  });
});
