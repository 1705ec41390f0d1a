/** `npm run test:unit` and its sisters: one ring with this terminal. Further arguments go to Jest. */
import { ROOT } from './lib/paths.ts';
import { Processes } from './lib/processes.ts';
import { RINGS, jestArguments } from './lib/rings.ts';

const [name, ...patterns] = process.argv.slice(2);
const ring = RINGS.find((one) => one.name === name);
if (ring === undefined) throw new Error(`no test ring is called ${String(name)}; there are ${RINGS.map((one) => one.name).join(', ')}`);

const processes = new Processes();
processes.endOnSignals();
const steps = [...(ring.needsBuild === true ? [['scripts/build.ts']] : []), jestArguments(ring, patterns)];
for (const args of steps) {
  const { code } = await processes.run(process.execPath, args, { cwd: ROOT, inherit: true });
  process.exitCode = code;
  if (code !== 0) break;
}
for (const { pid, command } of await processes.endLeftovers()) {
  process.stderr.write(`left behind and ended: ${pid} ${command}\n`);
  process.exitCode = 1;
}
