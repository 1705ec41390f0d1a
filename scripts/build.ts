/**
 * Builds `dist/`: JavaScript and types by the compiler, and the workflow bundle that every worker loads.
 *
 * Invariants: a failed build leaves the last good `dist/` as it was, except for its stamp; a stamp is written last and holds
 * the hash of all that went in, so an unchanged tree is told apart without starting the compiler.
 */
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { globSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, tool } from './lib/paths.ts';

const DIST = join(ROOT, 'dist');
const BUNDLE = join(DIST, 'workflow-bundle.js');
const SETTINGS = ['package-lock.json', 'tsconfig.json', 'tsconfig.build.json', 'scripts/build.ts'];

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
async function unlessFresh(name: string, pattern: string, make: () => void | Promise<void>): Promise<void> {
  const stamp = join(DIST, `.${name}.stamp`);
  const wanted = fingerprint(pattern);
  if (read(stamp) === wanted) return;
  rmSync(stamp, { force: true });
  const startedMs = Date.now();
  await make();
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

function compile(): void {
  const compiled = spawnSync(process.execPath, [tool('tsc'), '-p', 'tsconfig.build.json'], { cwd: ROOT, stdio: 'inherit' });
  if (compiled.status !== 0) throw new BuildError('the compiler found errors');
  const sources = new Set(globSync('**/*.ts', { cwd: join(ROOT, 'src') }).map((file) => file.replace(/\.ts$/, '')));
  for (const file of globSync('**/*.{js,js.map,d.ts}', { cwd: DIST })) {
    const source = file.replace(/\.(?:js|js\.map|d\.ts)$/, '');
    if (file !== 'workflow-bundle.js' && !sources.has(source) && !sources.has(`${source}.d`)) rmSync(join(DIST, file));
  }
}

async function bundle(): Promise<void> {
  const { code } = await bundleWorkflowCode({
    workflowsPath: join(ROOT, 'src', 'workflows', 'index.ts'),
    logger: new DefaultLogger('WARN'),
  });
  if (/node_modules\/zod\//.test(code)) throw new BuildError('zod is in the workflow bundle: a file of contracts that workflows import as a value imports it');
  const fresh = `${BUNDLE}.${process.pid}`;
  writeFileSync(fresh, code);
  renameSync(fresh, BUNDLE);
}

try {
  await unlessFresh('dist', 'src/**/*', compile);
  await unlessFresh('workflow-bundle', BUNDLED_ROOMS, bundle);
} catch (error) {
  if (!(error instanceof BuildError)) throw error;
  process.stderr.write(`build failed: ${error.message}\n`);
  process.exitCode = 1;
}
