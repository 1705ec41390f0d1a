/** docs/OPERATIONS.md says nothing without a test: each proof that it names is there. */
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';

const text = readFileSync(new URL('../../docs/OPERATIONS.md', import.meta.url), 'utf8');
const rows = text.split('\n').filter((line) => line.startsWith('| ') && !/^\| (?:what|---)/.test(line));
const proofs = [...text.matchAll(/`([a-z0-9/-]+\.test\.ts) › ([^`]*)`/g)].map(([, file = '', title = '']) => ({ file, title }));

describe('docs/OPERATIONS.md', () => {
  it.each(rows)('proves %s', (row) => {
    expect(row).toMatch(/ › /);
  });

  it.each(proofs)('names a test that is there: $file › $title', ({ file, title }) => {
    const path = new URL(`../${file}`, import.meta.url);
    expect(existsSync(path)).toBe(true);
    expect(title).not.toBe('');
    expect(readFileSync(path, 'utf8').replaceAll("\\'", "'")).toContain(title);
  });
});
