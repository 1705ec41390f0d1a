#!/usr/bin/env node
/**
 * The command `tributary`: finds a Node that can run it, then gives way to `dist/client/main.js`, whose default export takes
 * the arguments and resolves to the exit code. Plain JavaScript that an old Node can parse, so that it can say what is wrong.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import module from 'node:module';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';

const OLDEST_NODE = /** @type {const} */ ([22, 15]);
const SIGNALS = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR2']);

const path = (/** @type {string} */ relative) => fileURLToPath(new URL(relative, import.meta.url));

function nodeIsNewEnough() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  return major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1]);
}

/** @param {string} message */
function refuse(message) {
  process.stderr.write(`tributary: ${message}\n`);
  process.exitCode = 2;
}

/**
 * The same command on another Node. This process only passes signals on and takes over the exit code.
 *
 * @param {string} node
 */
function runOn(node) {
  const child = spawn(node, [path('tributary.mjs'), ...process.argv.slice(2)], { stdio: 'inherit' });
  for (const signal of SIGNALS) {
    // On a terminal Ctrl-C reaches the child by itself; twice would mean "at once".
    process.on(signal, () => { if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal); });
  }
  child.on('error', (error) => refuse(`${node} cannot be started: ${error.message}`));
  child.on('exit', (code, signal) => { process.exitCode = code ?? 128 + (signal === null ? 0 : constants.signals[signal]); });
}

async function main() {
  const newer = path('../node_modules/node/bin/node');
  if (!nodeIsNewEnough()) {
    if (existsSync(newer)) return runOn(newer);
    return refuse(`needs Node ${OLDEST_NODE.join('.')} or newer; this is ${process.versions.node} (${process.execPath})`);
  }
  const program = new URL('../dist/client/main.js', import.meta.url);
  if (!existsSync(program)) return refuse(`not built yet: run \`npm run build\` in ${path('..')}`);
  const cache = module.enableCompileCache?.();
  // For the thread that workflows run in, too.
  if (cache?.directory !== undefined) process.env['NODE_COMPILE_CACHE'] ??= cache.directory;
  process.exitCode = await (await import(program.href)).default(process.argv.slice(2));
}

await main();
