/** What every text file of ours owes, and what no tool at hand judges: its length, plain whitespace, and no test left out. */
import { readFileSync, globSync } from 'node:fs';
import { ROOT } from '../lib/paths.ts';

const MAX_LINES = 400;
const MAX_LINE_WIDTH = 250;

/** Put together here, so that this file does not find itself. */
const word = (...parts: string[]): string => parts.join('');

const BANNED: readonly { pattern: RegExp; only?: RegExp; why: string }[] = [
  { pattern: /(?<![\w.])(?:it|test|describe)(?:\.\w+)*\.(?:skip|only|todo|failing)\b|(?<![\w.])(?:xit|xtest|xdescribe|fit|fdescribe)\(/, only: /^test\//, why: 'a test is run or deleted, never left out' },
  { pattern: new RegExp(word('eslint-', 'disable(?!-next-line [@\\w]|-line [@\\w])')), why: 'switch off one named rule on one line' },
  { pattern: new RegExp(word('@ts-', '(?:ignore|nocheck)')), why: 'say @ts-expect-error and why' },
  { pattern: new RegExp(word('\\b(?:TO', 'DO|FIX', 'ME|XX', 'X)\\b')), why: 'do it, or write an issue' },
  { pattern: /\t/, only: /\.(?:ts|mjs|js|cjs|json|yml|yaml)$/, why: 'tab' },
  { pattern: /[ \t\r]$/, only: /\.(?:ts|mjs|js|cjs|json|yml|yaml)$/, why: 'whitespace at the end of the line' },
];

function findings(file: string): string[] {
  const text = readFileSync(`${ROOT}/${file}`, 'utf8');
  const lines = text.split('\n');
  const found: string[] = [];
  if (lines.pop() !== '') found.push(`${file}: no newline at the end`);
  if (lines.length > MAX_LINES) found.push(`${file}: ${lines.length} lines, more than ${MAX_LINES}; what second thing moved in?`);
  lines.forEach((line, index) => {
    if (line.length > MAX_LINE_WIDTH) found.push(`${file}:${index + 1}: ${line.length} columns, more than ${MAX_LINE_WIDTH}`);
    for (const { pattern, only, why } of BANNED) {
      if ((only === undefined || only.test(file)) && pattern.test(line)) found.push(`${file}:${index + 1}: ${why}`);
    }
  });
  return found;
}

const files = globSync(['{src,test,scripts,bench,bin}/**/*.{ts,mjs,js,cjs}', '*.{js,cjs,json,yml}'], { cwd: ROOT, exclude: ['**/package-lock.json', '**/node_modules/**'] });
const found = files.sort().flatMap((file) => findings(file.replaceAll('\\', '/')));
for (const line of found) process.stdout.write(`${line}\n`);
if (files.length === 0) throw new Error('no files to check');
process.exitCode = found.length > 0 ? 1 : 0;
