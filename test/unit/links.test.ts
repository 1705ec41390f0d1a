/** Pages lead where they say. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';

const root = new URL('../../', import.meta.url);
const pages = ['README.md', 'CONTRIBUTING.md', ...readdirSync(new URL('docs/', root), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`)];

describe('the pages', () => {
  it.each(pages)('%s links to what is there', (page) => {
    const text = readFileSync(new URL(page, root), 'utf8').replaceAll(/^```.*?^```$/gms, '').replaceAll(/`[^`\n]*`/g, '');
    const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link.replace(/#.*$/, '')).filter((link) => link !== '' && !/^[a-z]+:/.test(link));
    expect(links.filter((link) => !existsSync(new URL(link, new URL(page, root))))).toEqual([]);
  });
});
