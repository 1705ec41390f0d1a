/**
 * `npm run soak -- --runs N --seed S`: merges with real servers and workers, each run with its own mix of faults drawn from a seed. Prints
 * each run with its faults and its verdict, and at the end a summary in Markdown. `--only SEED` plays one run again.
 */
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { seedOf } from '../src/core/random.ts';
import { startFaultRig, type FaultRig } from '../test/support/fault-rig.ts';
import { drawSoakPlan } from '../test/support/soak-plan.ts';
import { describeVerdict, playSoakPlan, type SoakVerdict } from '../test/support/soak-run.ts';
import { summarizeSoak } from '../test/support/soak-summary.ts';

const { values } = parseArgs({ options: { runs: { type: 'string', default: '20' }, seed: { type: 'string', default: '1' }, only: { type: 'string' } } });
const number = (name: string, text: string): number => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new Error(`--${name} is a whole number, not ${text}`);
  return value;
};
const seeds = values.only === undefined
  ? Array.from({ length: number('runs', values.runs) }, (_, run) => seedOf(number('seed', values.seed), run))
  : [number('only', values.only)];

/** A rig a run: servers and their logs stay small, and no run can spoil the next. */
async function playAlone(seed: number, id: string, onRig: (rig: FaultRig | undefined) => void): Promise<SoakVerdict> {
  const rig = await startFaultRig(seed);
  onRig(rig);
  try {
    await rig.buckets.create('logs', 'merged');
    const verdict = await playSoakPlan(rig, drawSoakPlan(seed), id);
    if (verdict.findings.length > 0) process.stdout.write(`     traces of the next one are in ${await keepTraces(rig, seed, id)}\n`);
    return verdict;
  } finally {
    onRig(undefined);
    await rig.stop();
  }
}

/** What tells how a run went wrong: requests, logs of the workers, histories. @returns the folder */
async function keepTraces(rig: FaultRig, seed: number, id: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), `tributary-soak-${seed}-`));
  const requests = rig.proxy.log.all.map((request) => JSON.stringify({ ...request, query: request.query.toString() }));
  await writeFile(join(folder, 'requests.ndjson'), `${requests.join('\n')}\n`);
  for (const [index, text] of rig.workerLogs().entries()) await writeFile(join(folder, `worker-${index}.log`), text);
  for await (const { workflowId, runId } of rig.client.workflow.list({ query: `WorkflowId STARTS_WITH "${id}"` })) {
    const history = await rig.client.workflow.getHandle(workflowId, runId).fetchHistory();
    await writeFile(join(folder, `${workflowId.replaceAll('/', '_')}-${runId.slice(-8)}.json`), JSON.stringify(historyToJSON(history), null, 1));
  }
  return folder;
}

let current: FaultRig | undefined;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    void (current?.stop() ?? Promise.resolve()).finally(() => process.exit(130));
  });
}

const verdicts: SoakVerdict[] = [];
for (const [index, seed] of seeds.entries()) {
  const verdict = await playAlone(seed, `run-${index + 1}`, (rig) => { current = rig; });
  verdicts.push(verdict);
  process.stdout.write(`${String(index + 1).padStart(4)} ${describeVerdict(verdict)}\n`);
}
process.stdout.write(`\n${summarizeSoak(verdicts, values.only === undefined ? `--runs ${values.runs} --seed ${values.seed}` : `--only ${values.only}`)}\n`);
process.exitCode = verdicts.some(({ findings }) => findings.length > 0) ? 1 : 0;
