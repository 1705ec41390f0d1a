import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { planGenerated, renderGenerated } from '../../../src/core/generate.ts';
import { createRandom, seedOf } from '../../../src/core/random.ts';
import { directoryOf } from '../../../src/core/keys.ts';

describe('generated data', () => {
  const options = { objects: 2000, lines: 30, seed: 7 };
  const items = [...planGenerated(options)];

  it('follows from its seed', () => {
    expect([...planGenerated(options)]).toEqual(items);
    expect([...planGenerated({ ...options, seed: 8 })]).not.toEqual(items);
    expect(items.slice(0, 50).map((item) => renderGenerated(item).equals(renderGenerated({ ...item })))).not.toContain(false);
  });

  it('has as many lines as it says, each with a number of its own', () => {
    const numbers = new Set<string>();
    for (const item of items) {
      const text = renderGenerated(item).toString();
      const lines = text.split(item.crlf ? '\r\n' : '\n');
      expect(text.endsWith('\n')).toBe(item.finalNewline && item.lines > 0);
      if (item.finalNewline || item.lines === 0) lines.pop();
      expect(lines).toHaveLength(item.lines);
      for (const line of lines) numbers.add(/line"?[:=](\d+)/.exec(line)![1]!);
    }
    expect(numbers.size).toBe(items.reduce((sum, { lines }) => sum + lines, 0));
  });

  it('is irregular: several directories and formats, some objects empty, compressed, with CRLF or without a last newline', () => {
    expect(new Set(items.map(({ key }) => key)).size).toBe(2000);
    expect(new Set(items.map(({ key }) => directoryOf(key))).size).toBeGreaterThan(50);
    const share = (test: (item: (typeof items)[number]) => boolean): number => items.filter(test).length / items.length;
    expect(share(({ lines }) => lines === 0)).toBeCloseTo(0.02, 1);
    const traits = [share(({ gzip }) => gzip), share(({ crlf }) => crlf), share(({ finalNewline }) => !finalNewline), share(({ format }) => format === 'json')];
    for (const some of traits) {
      expect(some).toBeGreaterThan(0.05);
      expect(some).toBeLessThan(0.6);
    }
    expect(items.every(({ key, gzip }) => key.endsWith('.gz') === gzip)).toBe(true);
    expect(items.reduce((sum, { lines }) => sum + lines, 0) / items.length).toBeCloseTo(30, -1);
  });
});

describe('createRandom', () => {
  it('spreads evenly, and differently for each seed', () => {
    fc.assert(fc.property(fc.integer(), fc.nat({ max: 1000 }), (seed, index) => {
      const random = createRandom(seedOf(seed, index));
      const counts = [0, 0, 0, 0];
      for (let round = 0; round < 4000; round += 1) counts[random.below(4)]! += 1;
      expect(Math.min(...counts)).toBeGreaterThan(800);
      expect(seedOf(seed, index)).not.toBe(seedOf(seed, index + 1));
    }));
  });
});
