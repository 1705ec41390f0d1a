/**
 * The workflow code as one file, as the workflow sandbox loads it. A built Tributary brings it along; from source it is bundled
 * once for each state of the sources and kept in the cache folder.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Logger } from '@temporalio/common';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import { TributaryError } from '../contracts/errors.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const isBuilt = import.meta.url.endsWith('.js');
/** Rooms that workflow code is made of. */
const ROOMS = ['workflows', 'contracts', 'core'];
/** Bundles of older sources that stay in the cache. */
const KEPT = 4;

const SOURCE_MAP = /(?<=^\/\/# sourceMappingURL=data:application\/json;charset=utf-8;base64,)[A-Za-z0-9+/=]+$/m;

/**
 * Without a copy of the sources, which every worker would hold in memory twice; stack traces still name file and line.
 * @throws Error where the bundle has no map, which the SDK wants
 */
function withoutSources(code: string): string {
  const encoded = SOURCE_MAP.exec(code)?.[0];
  if (encoded === undefined) throw new Error('the workflow bundle has no source map');
  const map = JSON.parse(Buffer.from(encoded, 'base64').toString()) as Record<string, unknown>;
  delete map['sourcesContent'];
  return code.replace(SOURCE_MAP, Buffer.from(JSON.stringify(map)).toString('base64'));
}

/** Bundles the workflow code. @throws Error with webpack's complaint */
export async function buildWorkflowBundle(): Promise<string> {
  const module = (name: string): string => join(root, 'workflows', `${name}.${isBuilt ? 'js' : 'ts'}`);
  const { code } = await bundleWorkflowCode({ workflowsPath: module('index'), workflowInterceptorModules: [module('resets')], logger: new DefaultLogger('WARN') });
  return withoutSources(code);
}

/** A digest of every file that the bundle is made of, and of the SDK that makes it. */
function sourcesDigest(): string {
  const hash = createHash('sha256');
  for (const name of ['@temporalio/worker', '@temporalio/workflow']) {
    hash.update(readFileSync(createRequire(import.meta.url).resolve(`${name}/package.json`)));
  }
  for (const room of ROOMS) {
    for (const file of readdirSync(join(root, room), { recursive: true, encoding: 'utf8' }).sort()) {
      const path = join(root, room, file);
      if (statSync(path).isFile()) hash.update(`${room}/${file}\0`).update(readFileSync(path));
    }
  }
  return hash.digest('hex').slice(0, 16);
}

/** Bundles in a process of its own: webpack would stay in this one's memory as long as it lives. */
async function buildApart(path: string): Promise<void> {
  const child = spawn(process.execPath, [fileURLToPath(new URL('./bundle-main.ts', import.meta.url)), path], { stdio: ['ignore', 'ignore', 'pipe'] });
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => { complaint += text; });
  const exitCode = await new Promise<number | null>((resolve, reject) => { child.on('error', reject).on('close', resolve); });
  if (exitCode !== 0) throw new TributaryError('TRB-INTERNAL', `the workflow code cannot be bundled: ${complaint.trim()}`);
}

function dropOldBundles(cache: string): void {
  const age = (file: string): number => statSync(join(cache, file)).mtimeMs;
  const bundles = readdirSync(cache).filter((file) => /^workflows-[0-9a-f]{16}\.js$/.test(file)).sort((a, b) => age(b) - age(a));
  for (const file of bundles.slice(KEPT)) rmSync(join(cache, file), { force: true });
}

/**
 * Path of the workflow bundle: built along with this code, from the cache, or made now.
 * @param cache folder for bundles; made where it is missing
 */
export async function findWorkflowBundle(cache: string, log: Logger): Promise<string> {
  const shipped = join(root, 'workflow-bundle.js');
  if (isBuilt && existsSync(shipped)) return shipped;
  const path = join(cache, `workflows-${sourcesDigest()}.js`);
  if (existsSync(path)) return path;
  log.info('bundling the workflow code', { path });
  mkdirSync(cache, { recursive: true });
  await buildApart(path);
  dropOldBundles(cache);
  return path;
}
