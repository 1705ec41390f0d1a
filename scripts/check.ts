/** `npm run check`: all static checks, or those named as arguments. */
import { CHECKS } from './lib/checks.ts';
import { ROOT } from './lib/paths.ts';
import { Processes } from './lib/processes.ts';
import { runStep } from './lib/steps.ts';

const names = process.argv.slice(2);
const unknown = names.find((name) => !CHECKS.some((check) => check.name === name));
if (unknown !== undefined) throw new Error(`no check is called ${unknown}; there are ${CHECKS.map((check) => check.name).join(', ')}`);

const processes = new Processes();
processes.endOnSignals();
for (const check of CHECKS) {
  if (names.length > 0 && !names.includes(check.name)) continue;
  if (!await runStep(processes, { ...check, cwd: ROOT })) process.exitCode = 1;
}
