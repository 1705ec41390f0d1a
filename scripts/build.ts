/**
 * Builds `dist/`: JavaScript and types by the compiler, and the workflow bundle that every worker loads.
 *
 * Invariants: a failed build leaves the last good `dist/` as it was, except for its stamp; a stamp is written last and holds
 * the hash of all that went in, so an unchanged tree is told apart without starting the compiler.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, tool } from './lib/paths.ts';

const DIST = join(ROOT, 'dist');
const BUNDLE = join(DIST, 'workflow-bundle.js');
const SETTINGS = ['package-lock.json', 'tsconfig.json', 'tsconfig.build.json', 'scripts/build.ts', 'src/workers/bundle.ts'];

/** What the bundle is made of; the rest of the source cannot reach it. */
const BUNDLED_ROOMS = 'src/{contracts,core,workflows}/**/*';

function fingerprint(pattern: string): string {
  const hash = createHash('sha256');
  for (const file of [...SETTINGS, ...globSync(pattern, { cwd: ROOT }).sort()]) {
    if (/\.\w+$/.test(file)) hash.update(`${file}\0`).update(readFileSync(join(ROOT, file))).update('\0');
  }
  return hash.digest('hex');
}

/** Runs `make` unless the stamp says that its result is there, from the same input. */
function unlessFresh(name: string, pattern: string, make: () => void): void {
  const stamp = join(DIST, `.${name}.stamp`);
  const wanted = fingerprint(pattern);
  if (read(stamp) === wanted) return;
  rmSync(stamp, { force: true });
  const startedMs = Date.now();
  make();
  mkdirSync(DIST, { recursive: true });
  writeFileSync(stamp, wanted);
  process.stdout.write(`built ${name} in ${((Date.now() - startedMs) / 1000).toFixed(1)} s\n`);
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

class BuildError extends Error {}

function run(args: readonly string[], complaint: string): void {
  const ended = spawnSync(process.execPath, args, { cwd: ROOT, stdio: 'inherit' });
  if (ended.status !== 0) throw new BuildError(complaint);
}

function compile(): void {
  run([tool('tsc'), '-p', 'tsconfig.build.json'], 'the compiler found errors');
  const sources = new Set(globSync('**/*.ts', { cwd: join(ROOT, 'src') }).map((file) => file.replace(/\.ts$/, '')));
  for (const file of globSync('**/*.{js,js.map,d.ts}', { cwd: DIST })) {
    const source = file.replace(/\.(?:js|js\.map|d\.ts)$/, '');
    if (file !== 'workflow-bundle.js' && !sources.has(source) && !sources.has(`${source}.d`)) rmSync(join(DIST, file));
  }
}

function bundle(): void {
  run(['src/workers/bundle-main.ts', BUNDLE], 'the workflow code cannot be bundled');
  if (/node_modules\/zod\//.test(readFileSync(BUNDLE, 'utf8'))) {
    throw new BuildError('zod is in the workflow bundle: workflow code imports, as a value, a file that imports it');
  }
}

try {
  unlessFresh('dist', 'src/**/*', compile);
  unlessFresh('workflow-bundle', BUNDLED_ROOMS, bundle);
} catch (error) {
  if (!(error instanceof BuildError)) throw error;
  process.stderr.write(`build failed: ${error.message}\n`);
  process.exitCode = 1;
}
