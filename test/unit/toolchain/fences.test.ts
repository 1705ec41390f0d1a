/** The fences between the rooms must fall when somebody climbs over: each rule is seen red once, in a house made of one bad file. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

const ROOMS = ['contracts', 'core', 'stores', 'pipeline', 'activities', 'workers', 'workflows', 'client', 'config'];
const root = process.cwd();
let house = '';

beforeAll(() => {
  house = realpathSync(mkdtempSync(join(tmpdir(), 'tributary-fences-')));
  for (const file of ['package.json', 'tsconfig.json', '.dependency-cruiser.cjs', 'eslint.config.js']) cpSync(join(root, file), join(house, file));
  symlinkSync(join(root, 'node_modules'), join(house, 'node_modules'));
  for (const room of ROOMS) write(`src/${room}/door.ts`, 'export const door = 1;\nexport type Door = typeof door;\n');
});
afterAll(() => rmSync(house, { recursive: true, force: true }));

function write(file: string, text: string): void {
  mkdirSync(dirname(join(house, file)), { recursive: true });
  writeFileSync(join(house, file), text);
}

function run(tool: string, ...args: string[]): string {
  const ended = spawnSync(process.execPath, [join(root, 'node_modules', '.bin', tool), ...args], { cwd: house, encoding: 'utf8' });
  return ended.stdout + ended.stderr;
}

interface Cruise {
  readonly summary: { readonly violations: readonly { readonly from: string; readonly rule: { readonly name: string } }[] };
}

/** One bad import each: [file, what it says, the rule that it breaks]. */
const IMPORTS: readonly (readonly [string, string, string])[] = [
  ['src/contracts/up.ts', `export { door } from '../core/door.ts';`, 'room-contracts'],
  ['src/contracts/yaml.ts', `export { parse } from 'yaml';`, 'contracts-import-zod-only'],
  ['src/core/up.ts', `export { door } from '../stores/door.ts';`, 'room-core'],
  ['src/core/fs.ts', `export { readFileSync } from 'node:fs';`, 'pure-rooms-have-no-built-ins'],
  ['src/core/bare.ts', `export { readFileSync } from 'fs';`, 'pure-rooms-have-no-built-ins'],
  ['src/stores/up.ts', `export type { Door } from '../pipeline/door.ts';`, 'room-stores'],
  ['src/pipeline/up.ts', `export { door } from '../activities/door.ts';`, 'room-pipeline'],
  ['src/pipeline/aws.ts', `export { S3Client } from '@aws-sdk/client-s3';`, 'aws-only-in-stores'],
  ['src/pipeline/temporal.ts', `export { heartbeat } from '@temporalio/activity';`, 'no-temporal-below-activities'],
  ['src/activities/up.ts', `export { door } from '../workers/door.ts';`, 'room-activities'],
  ['src/activities/sandbox.ts', `export { sleep } from '@temporalio/workflow';`, 'temporal-workflow'],
  ['src/workflows/value.ts', `export { door } from '../activities/door.ts';`, 'workflows-know-activities-by-type'],
  ['src/workflows/store.ts', `export type { Door } from '../stores/door.ts';`, 'room-workflows'],
  ['src/workers/up.ts', `export { door } from '../client/door.ts';`, 'room-workers'],
  ['src/client/aws.ts', `export { S3Client } from '@aws-sdk/client-s3';`, 'aws-only-in-stores'],
  ['src/config/up.ts', `export { door } from '../stores/door.ts';`, 'room-config'],
  ['src/client/cycle.ts', `export { turn } from './turn.ts';\nexport const cycle = 1;`, 'no-cycles'],
  ['src/core/dev.ts', `export { default } from 'fast-check';`, 'no-dev-dependency-in-src'],
];

const FINE: readonly (readonly [string, string])[] = [
  ['src/core/buffer.ts', `import { Buffer } from 'node:buffer';\nexport const empty = Buffer.alloc(0);`],
  ['src/workflows/types.ts', `import type { Door } from '../activities/door.ts';\nexport type Both = Door;`],
  ['src/stores/aws.ts', `export { S3Client } from '@aws-sdk/client-s3';`],
  ['src/contracts/zod.ts', `export { z } from 'zod';`],
];

describe('dependency rules', () => {
  let violations: readonly string[] = [];
  beforeAll(() => {
    for (const [file, text] of [...IMPORTS, ...FINE]) write(file, `${text}\n`);
    write('src/client/turn.ts', `export { cycle } from './cycle.ts';\nexport const turn = 1;\n`);
    const cruise = JSON.parse(run('depcruise', 'src', '--output-type', 'json')) as Cruise;
    violations = cruise.summary.violations.map(({ from, rule }) => `${from}: ${rule.name}`);
  });

  it.each(IMPORTS)('%s with «%s» breaks %s', (file, _text, rule) => expect(violations).toContain(`${file}: ${rule}`));

  it.each(FINE)('%s with «%s» is fine', (file) => expect(violations.filter((line) => line.startsWith(file))).toEqual([]));
});

/** One bad line each: [file, what it says, the rule of ESLint that it breaks]. */
const LINES: readonly (readonly [string, string, string])[] = [
  ['src/stores/environment.ts', 'export const home = process.env[\'HOME\'];', 'no-restricted-properties'],
  ['src/stores/process.ts', 'export { env } from \'node:process\';', 'no-restricted-imports'],
  ['src/workflows/node.ts', 'export { readFileSync } from \'node:fs\';', '@typescript-eslint/no-restricted-imports'],
  ['src/workflows/bare.ts', 'export { readFileSync } from \'fs\';', '@typescript-eslint/no-restricted-imports'],
  ['src/workflows/pipe.ts', 'export { door } from \'../pipeline/door.ts\';', '@typescript-eslint/no-restricted-imports'],
  ['src/workflows/parse.ts', 'export { z } from \'zod\';', '@typescript-eslint/no-restricted-imports'],
  ['src/core/clock.ts', 'export const now = (): number => Date.now();', 'no-restricted-properties'],
  ['src/core/today.ts', 'export const today = (): Date => new Date();', 'no-restricted-syntax'],
  ['src/client/floating.ts', 'export function go(): void {\n  Promise.resolve(1);\n}', '@typescript-eslint/no-floating-promises'],
  ['src/client/typed.ts', 'import { type Door } from \'./door.ts\';\nexport const d = (door: Door): Door => door;\n', ''],
  ['src/client/untyped.ts', 'import { Door } from \'./door.ts\';\nexport const d = (door: Door): Door => door;\n', '@typescript-eslint/consistent-type-imports'],
  ['src/client/anything.ts', 'export const value = JSON.parse(\'1\').x;', '@typescript-eslint/no-unsafe-member-access'],
];

interface LintResult {
  readonly filePath: string;
  readonly messages: readonly { readonly ruleId: string | null }[];
}

describe('lint', () => {
  let found: ReadonlyMap<string, readonly (string | null)[]> = new Map();
  beforeAll(() => {
    for (const [file, text] of LINES) write(file, `${text.trimEnd()}\n`);
    const results = JSON.parse(run('eslint', '--format', 'json', ...LINES.map(([file]) => file))) as LintResult[];
    found = new Map(results.map(({ filePath, messages }) => [filePath.slice(house.length + 1), messages.map(({ ruleId }) => ruleId)]));
  });

  it.each(LINES)('%s with «%s» breaks %s', (file, _text, rule) => {
    if (rule === '') expect(found.get(file)).toEqual([]);
    else expect(found.get(file)).toContain(rule);
  });
});
