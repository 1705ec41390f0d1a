/**
 * First step of every npm script: from a bare clone to a script that runs on the project's own Node.
 *
 *   node scripts/bootstrap.mjs scripts/test.ts [arguments]
 *
 * Runs on any Node from 20 on, with npm and nothing else: no dependency, no TypeScript. Installs the dependencies where they are
 * missing or differ from the lock file, then gives way to the script on the Node that the dependencies brought.
 */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SIGNALS = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']);

/** @typedef {{version?: string, optional?: boolean, link?: boolean}} LockEntry */

/**
 * @param {string} file
 * @returns {Record<string, LockEntry> | undefined}
 */
function lockedPackages(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages;
  } catch {
    return undefined;
  }
}

/**
 * Why the dependencies must be installed, or undefined where they are in place. Versions are compared, not times: a checkout
 * touches the lock file without changing it.
 *
 * @returns {string | undefined}
 */
function whyInstall() {
  const installed = lockedPackages(join(ROOT, 'node_modules', '.package-lock.json'));
  const wanted = lockedPackages(join(ROOT, 'package-lock.json'));
  if (installed === undefined || wanted === undefined) return 'the dependencies are not installed';
  for (const [path, entry] of Object.entries(wanted)) {
    if (path === '' || entry.link === true) continue;
    const version = installed[path]?.version;
    if (version !== entry.version && !(version === undefined && entry.optional === true)) return `${path} is not at ${entry.version}`;
  }
  return existsSync(projectNode()) ? undefined : 'the project\'s Node is not installed';
}

function projectNode() {
  return join(ROOT, 'node_modules', 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
}

/**
 * Runs a command to its end with this terminal. Signals go to the command, which cleans up; this process only waits for it.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<number>} its exit code
 */
function run(command, args, env) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: ROOT, stdio: 'inherit', env });
    for (const signal of SIGNALS) {
      // A terminal sends SIGINT to the whole group, this child included; the others come to us alone.
      process.on(signal, () => { if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal); });
    }
    const watch = watchParent(() => child.kill('SIGTERM'));
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      clearInterval(watch);
      for (const name of SIGNALS) process.removeAllListeners(name);
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal]));
    });
  });
}

/**
 * npm that is told to end kills only the shell between itself and us: being orphaned is how we learn of it.
 *
 * @param {() => void} onOrphaned
 */
function watchParent(onOrphaned) {
  const parent = process.ppid;
  if (process.env['npm_lifecycle_event'] === undefined) return undefined;
  return setInterval(() => { if (process.ppid !== parent) onOrphaned(); }, 500);
}

/** @returns {Promise<number>} */
function npmInstall() {
  // The script that follows builds by itself and says more about a failure than npm would.
  const env = { ...process.env, TRB_BOOTSTRAP: '1' };
  const args = ['ci', '--no-audit', '--no-fund', '--loglevel=error'];
  const npm = process.env['npm_execpath'];
  return npm !== undefined && /\.c?js$/.test(npm) ? run(process.execPath, [npm, ...args], env) : run('npm', args, env);
}

const [script, ...args] = process.argv.slice(2);
if (script === undefined) throw new Error('usage: node scripts/bootstrap.mjs SCRIPT [ARGUMENTS]');

const reason = whyInstall();
let code = 0;
if (reason !== undefined) {
  console.error(`tributary: npm ci, because ${reason} (about 600 packages and Node 24 itself: half a minute or more, once)`);
  code = await npmInstall();
  if (code !== 0) console.error('tributary: npm ci failed; its message is above');
}
process.exitCode = code === 0 ? await run(projectNode(), [script, ...args], process.env) : code;
