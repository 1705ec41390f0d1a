/** Text in columns. Pure. */
import { stripVTControlCharacters } from 'node:util';
import type { Style } from '../output.ts';

/** Characters that are seen. */
const width = (text: string): number => [...stripVTControlCharacters(text)].length;

const padEnd = (text: string, to: number): string => text + ' '.repeat(Math.max(0, to - width(text)));
const padStart = (text: string, to: number): string => ' '.repeat(Math.max(0, to - width(text))) + text;

/** Columns as wide as their widest cell, two blanks apart; no trailing blanks. Columns in `right` are aligned at their end. */
export function columns(rows: readonly (readonly string[])[], right: readonly number[] = []): string[] {
  const widths: number[] = [];
  for (const row of rows) row.forEach((cell, i) => { widths[i] = Math.max(widths[i] ?? 0, width(cell)); });
  return rows.map((row) => row.map((cell, i) => (right.includes(i) ? padStart : padEnd)(cell, widths[i] ?? 0)).join('  ').trimEnd());
}

/** The same under a line of headings. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[], style: Style, right: readonly number[] = []): string {
  const [head = '', ...lines] = columns([headings, ...rows], right);
  return [style.bold(head), ...lines].join('\n');
}
