/** `npm run reference`: writes docs/reference/ from the schemas, the list of errors and the tree of commands. `--check` only compares. */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { renderReference } from '../src/client/reference.ts';
import { ROOT } from './lib/paths.ts';

const folder = join(ROOT, 'docs', 'reference');
mkdirSync(folder, { recursive: true });
const pages = new Map(Object.entries(renderReference()));
const present = readdirSync(folder).filter((name) => name.endsWith('.md'));

const stale = [...pages].filter(([name, text]) => !present.includes(name) || readFileSync(join(folder, name), 'utf8') !== text).map(([name]) => name);
const left = present.filter((name) => !pages.has(name));

if (process.argv.includes('--check')) {
  for (const name of stale) process.stderr.write(`docs/reference/${name} is not what the source says: run \`npm run reference\`\n`);
  for (const name of left) process.stderr.write(`docs/reference/${name} is made from nothing: delete it\n`);
  process.exitCode = stale.length + left.length > 0 ? 1 : 0;
} else {
  for (const name of stale) writeFileSync(join(folder, name), pages.get(name) ?? '');
  for (const name of left) rmSync(join(folder, name));
  process.stdout.write(`docs/reference: ${stale.length} of ${pages.size} pages written\n`);
}
