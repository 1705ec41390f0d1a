/**
 * `npm run soak -- --runs N --seed S`: merges with real servers and workers, each run with its own mix of faults drawn from a seed. Prints
 * each run with its faults and its verdict, and at the end a summary in Markdown. `--parallel N` plays so many at a time, since a run
 * mostly waits; `--only SEED` plays one run again.
 */
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import pLimit from 'p-limit';
import { asUsage, runCommand, wholeNumber } from './lib/usage.ts';
import { seedOf } from '../src/core/random.ts';
import { startFaultRig, type FaultRig } from '../test/support/fault-rig.ts';
import { drawSoakPlan } from '../test/support/soak-plan.ts';
import { describeVerdict, playSoakPlan, type SoakVerdict } from '../test/support/soak-run.ts';
import { summarizeSoak } from '../test/support/soak-summary.ts';

const USAGE = `npm run soak -- [options]
  --runs N       Default: 20
  --seed N       What the faults of all runs are drawn from. Default: 1
  --parallel N   Runs at a time. Default: 2
  --only SEED    One run again, by the seed that is printed with it
  --help         This text`;

const rigs = new Set<FaultRig>();

/** A rig a run: servers and their logs stay small, and no run can spoil the next. */
async function playAlone(seed: number, id: string): Promise<SoakVerdict> {
  const rig = await startFaultRig(seed);
  rigs.add(rig);
  try {
    await rig.buckets.create('logs', 'merged');
    const verdict = await playSoakPlan(rig, drawSoakPlan(seed), id);
    if (verdict.findings.length > 0) process.stdout.write(`     traces of seed ${seed} are in ${await keepTraces(rig, seed, id)}\n`);
    return verdict;
  } finally {
    rigs.delete(rig);
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

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    void Promise.all([...rigs].map((rig) => rig.stop())).finally(() => process.exit(130));
  });
}

async function main(): Promise<number | null> {
  const { values } = asUsage(() => parseArgs({
    options: {
      runs: { type: 'string', default: '20' }, seed: { type: 'string', default: '1' }, parallel: { type: 'string', default: '2' }, only: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  }));
  if (values.help) return null;
  const { only } = values;
  const seed = wholeNumber('--seed', values.seed, 0);
  const seeds = only === undefined ? Array.from({ length: wholeNumber('--runs', values.runs, 1) }, (_, run) => seedOf(seed, run)) : [wholeNumber('--only', only, 0)];
  const lane = pLimit(wholeNumber('--parallel', values.parallel, 1));
  const startedMs = Date.now();
  const verdicts = await Promise.all(seeds.map((each, index) => lane(async () => {
    const verdict = await playAlone(each, `run-${index + 1}`);
    process.stdout.write(`${String(index + 1).padStart(4)} ${describeVerdict(verdict)}\n`);
    return verdict;
  })));
  const how = only === undefined ? `--runs ${values.runs} --seed ${values.seed}` : `--only ${only}`;
  process.stdout.write(`\n${summarizeSoak(verdicts, how, (Date.now() - startedMs) / 1000)}\n`);
  return verdicts.some(({ findings }) => findings.length > 0) ? 1 : 0;
}

await runCommand('soak', USAGE, main);
