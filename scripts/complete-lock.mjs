/**
 * Completes package-lock.json so that `npm ci` accepts it on every platform.
 *
 * A registry mirror that lacks some platforms' native packages makes npm leave them out of the lock file without a word,
 * and `npm ci` then refuses it ("Missing: … from lock file"). This adds each missing one as an optional entry whose
 * platform is read from its name (`…-linux-arm64-musl`): all that npm needs in order to skip it, or to fetch it, elsewhere.
 * It also drops download addresses: they would tie the lock file to the registry it was made with.
 *
 * Run after every `npm install`. `--check` writes nothing and exits 1 where something would be changed.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Platform words in the names of napi packages, where they differ from npm's `os` and `cpu` words. */
const CPU_WORDS = new Set(['arm', 'arm64', 'ia32', 'loong64', 'ppc64', 'riscv64', 's390x', 'x64']);
const OS_WORDS = new Set(['android', 'darwin', 'freebsd', 'linux', 'openharmony', 'win32']);

/**
 * @param {string} name package name, as `@swc/core-linux-arm64-musl`
 * @returns {{os: string[], cpu: string[], libc?: string[]}}
 */
export function platformOf(name) {
  const words = name.split('/').at(-1)?.split('-') ?? [];
  const os = words.find((word) => OS_WORDS.has(word));
  const cpu = words.find((word) => CPU_WORDS.has(word));
  if (os === undefined || cpu === undefined) throw new Error(`cannot tell the platform of ${name}: add it to the lock file by hand`);
  const abi = words.at(-1);
  if (os === 'linux' && abi === 'gnu') return { os: [os], cpu: [cpu], libc: ['glibc'] };
  if (os === 'linux' && abi === 'musl') return { os: [os], cpu: [cpu], libc: ['musl'] };
  return { os: [os], cpu: [cpu] };
}

/**
 * @typedef {{version?: string, resolved?: string, dev?: boolean, optional?: boolean, os?: string[], cpu?: string[], libc?: string[],
 *   optionalDependencies?: Record<string, string>}} LockEntry
 */

/**
 * Adds what is missing to `packages` in place.
 *
 * @param {Record<string, LockEntry>} packages the `packages` of a lock file
 * @returns {string[]} what was changed, one line each
 */
export function complete(packages) {
  const changes = [];
  for (const [path, entry] of Object.entries(packages)) {
    if (entry.resolved !== undefined && /^https?:/.test(entry.resolved)) {
      delete entry.resolved;
      changes.push(`${path}: download address dropped`);
    }
    for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
      if (candidates(path, name).some((candidate) => candidate in packages)) continue;
      packages[`node_modules/${name}`] = { version, ...platformOf(name), ...(entry.dev === true ? { dev: true } : {}), optional: true };
      changes.push(`${name}@${version}: added`);
    }
  }
  return changes;
}

/**
 * Where Node would look for `name` from the package at `path`.
 *
 * @param {string} path
 * @param {string} name
 */
function candidates(path, name) {
  const places = [`node_modules/${name}`];
  for (let at = path; at !== ''; at = at.slice(0, Math.max(0, at.lastIndexOf('/node_modules/')))) places.push(`${at}/node_modules/${name}`);
  return places;
}

/** @param {Record<string, LockEntry>} packages */
function sorted(packages) {
  return Object.fromEntries(Object.entries(packages).sort(([a], [b]) => a.localeCompare(b, 'en')));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const file = new URL('../package-lock.json', import.meta.url);
  const lock = JSON.parse(readFileSync(file, 'utf8'));
  const changes = complete(lock.packages);
  if (process.argv.includes('--check')) {
    if (changes.length > 0) console.error([...changes, 'package-lock.json is not portable: run `node scripts/complete-lock.mjs`'].join('\n'));
    process.exitCode = changes.length > 0 ? 1 : 0;
  } else if (changes.length > 0) {
    lock.packages = sorted(lock.packages);
    writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
    console.log(`package-lock.json: ${changes.length} changes`);
  } else {
    console.log('package-lock.json is complete');
  }
}
