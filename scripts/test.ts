/**
 * `npm test`: the local servers, the build, every static check and every test ring. A line a step; ends with `N passed, N failed`,
 * where a static check, a suite that could not run and a test that was left out count as failed.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CHECKS, type Check } from './lib/checks.ts';
import { ROOT } from './lib/paths.ts';
import { Processes } from './lib/processes.ts';
import { RINGS, jestArguments, type Ring } from './lib/rings.ts';
import { runStep } from './lib/steps.ts';

/** Building both servers from source takes seven minutes on two cores. */
const SETUP_LIMIT_MS = 20 * 60_000;
const CHECK_LIMIT_MS = 5 * 60_000;

/** The part of Jest's `--json` that we count. */
interface JestResults {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly numRuntimeErrorTestSuites: number;
}

interface Score {
  readonly passed: number;
  readonly failed: number;
}

const processes = new Processes();
const folder = await mkdtemp(join(tmpdir(), 'tributary-test-'));
const removeFolder = (): Promise<void> => rm(folder, { recursive: true, force: true });

const scores: Score[] = [];

async function runCheck(check: Check, timeoutMs: number, onLine?: (line: string) => void): Promise<void> {
  const passed = await runStep(processes, { ...check, cwd: ROOT, timeoutMs, ...(onLine === undefined ? {} : { onLine }) });
  if (!passed) scores.push({ passed: 0, failed: 1 });
}

async function runRing(ring: Ring): Promise<void> {
  const file = join(folder, `${ring.name}.json`);
  const args = [...jestArguments(ring), '--ci', '--json', `--outputFile=${file}`];
  await runStep(processes, { name: ring.name, command: process.execPath, args, cwd: ROOT, timeoutMs: ring.timeoutMs }, async ({ code }) => {
    const score = scoreOf(await readResults(file), code);
    scores.push(score);
    return { failed: score.failed > 0, note: `${score.passed} passed${score.failed > 0 ? `, ${score.failed} failed` : ''}` };
  });
}

/** Undefined where Jest ended without writing its results. */
async function readResults(file: string): Promise<JestResults | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as JestResults;
  } catch {
    return undefined;
  }
}

function scoreOf(results: JestResults | undefined, code: number): Score {
  if (results === undefined) return { passed: 0, failed: 1 };
  const failed = results.numFailedTests + results.numPendingTests + results.numTodoTests + results.numRuntimeErrorTestSuites;
  const nothingPassed = results.numPassedTests === 0;
  return { passed: results.numPassedTests, failed: failed === 0 && (code !== 0 || nothingPassed) ? 1 : failed };
}

/** A test that leaves a process behind has failed, whatever it said. */
async function runLeftovers(): Promise<void> {
  for (const { pid, command } of await processes.endLeftovers()) {
    process.stdout.write(`  FAIL left behind, and ended now: ${pid} ${command}\n`);
    scores.push({ passed: 0, failed: 1 });
  }
}

processes.endOnSignals(removeFolder);
try {
  await runCheck({ name: 'servers', command: process.execPath, args: ['scripts/setup.ts'] }, SETUP_LIMIT_MS, (line) => process.stdout.write(`       ${line}\n`));
  await runCheck({ name: 'build', command: process.execPath, args: ['scripts/build.ts'] }, CHECK_LIMIT_MS);
  for (const check of CHECKS) await runCheck(check, CHECK_LIMIT_MS);
  for (const ring of RINGS) await runRing(ring);
  await runLeftovers();
} finally {
  await processes.stopAll();
  await removeFolder();
}

const sum = (of: keyof Score): number => scores.reduce((total, score) => total + score[of], 0);
process.exitCode = sum('failed') > 0 ? 1 : 0;
process.stdout.write(`${sum('passed')} passed, ${sum('failed')} failed\n`);
