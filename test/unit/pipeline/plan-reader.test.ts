import { describe, expect, it } from '@jest/globals';
import { gzipSync } from 'node:zlib';
import type { PlanRow } from '../../../src/contracts/plan.ts';
import { PlanReader, type PlanPages } from '../../../src/pipeline/plan-reader.ts';

const ROWS = 2500;

/** A plan of pages of 2,500 rows each, whose names say which page was loaded. */
function openPlan(name: string, pageCount: number, loaded: string[], pages?: PlanPages): PlanReader {
  const refs = Array.from({ length: pageCount }, (_, page) => ({ hash: `${name}${page}`, firstRow: page * ROWS, rows: ROWS }));
  return new PlanReader({ pages: refs }, (_, hash) => {
    loaded.push(hash);
    const rows = Array.from({ length: ROWS }, (_row, at): PlanRow => [`${hash}/${String(at).padStart(5, '0')}`, 1, '"e"', 0]);
    return Promise.resolve(gzipSync(rows.map((row) => `${JSON.stringify(row)}\n`).join('')));
  }, pages);
}

async function read(reader: PlanReader, from: number, to: number): Promise<{ readonly row: number; readonly key: string }[]> {
  const found: { readonly row: number; readonly key: string }[] = [];
  for await (const rows of reader.rows(from, to)) found.push(...rows.map(({ row, source: [key] }) => ({ row, key })));
  return found;
}

describe('the rows of a plan', () => {
  it.each([[0, 1], [999, 1001], [0, 2500], [2499, 2501], [1000, 7500], [7499, 9000], [3, 3]])('from %i to %i come each once, in order', async (from, to) => {
    const rows = await read(openPlan('p', 3, []), from, to);
    expect(rows.map(({ row }) => row)).toEqual(Array.from({ length: Math.max(0, Math.min(to, 3 * ROWS) - from) }, (_, at) => from + at));
    for (const { row, key } of rows) expect(key).toBe(`p${Math.floor(row / ROWS)}/${String(row % ROWS).padStart(5, '0')}`);
  });

  it('are read from the store once while they are kept', async () => {
    const loaded: string[] = [];
    const reader = openPlan('p', 3, loaded);
    for (let turn = 0; turn < 3; turn += 1) await read(reader, 0, 3 * ROWS);
    expect(loaded).toEqual(['p0', 'p1', 'p2']);
  });

  it('of all plans together are kept in few pages: those of runs that have ended make room', async () => {
    const loaded: string[] = [];
    const pages: PlanPages = new Map();
    const [first, second] = [openPlan('a', 3, loaded, pages), openPlan('b', 3, loaded, pages)];
    await read(first, 0, 3 * ROWS);
    await read(second, 0, 3 * ROWS);
    expect([...pages.keys()].map(({ hash }) => hash)).toEqual(['b0', 'b1', 'b2']);
    await read(first, 0, 1);
    expect(loaded).toEqual(['a0', 'a1', 'a2', 'b0', 'b1', 'b2', 'a0']);
  });
});
