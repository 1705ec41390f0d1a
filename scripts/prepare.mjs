/**
 * What npm runs after an install from a clone: the build, so that `npm ci` leaves a command that works. An install without
 * development dependencies has no compiler, and a script behind bootstrap.mjs builds by itself: both are left alone.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const has = (/** @type {string} */ name) => existsSync(new URL(`../node_modules/${name}`, import.meta.url));

if (process.env['TRB_BOOTSTRAP'] === undefined && has('typescript') && has('node/bin/node')) {
  const built = spawnSync(fileURLToPath(new URL('../node_modules/node/bin/node', import.meta.url)), ['scripts/build.ts'], { cwd: root, stdio: 'inherit' });
  process.exitCode = built.status ?? 1;
}
