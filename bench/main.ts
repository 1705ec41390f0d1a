/**
 * `npm run bench`: what a merge costs beside the leanest client there can be, on servers of its own, with data made from a seed.
 * `docs/BENCHMARKS.md` says how to read it.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { cpus, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { ROOT } from '../scripts/lib/paths.ts';
import { Processes } from '../scripts/lib/processes.ts';
import { asUsage, runCommand, UsageError, wholeNumber } from '../scripts/lib/usage.ts';
import { CONTENDER_NAMES, type Contender, type ContenderName, type Measured } from './contender.ts';
import { startContender } from './contenders.ts';
import { findSet, SET_NAMES, totalsOf, type DataSet } from './data-sets.ts';
import { describeMargins, describeSet, METHOD } from './print.ts';
import { figuresOf, marginsOf, type SetResult } from './results.ts';
import { checkContent } from './same-content.ts';
import { SERVER_NAMES, startServer, type BenchServer, type ServerName } from './servers.ts';

const USAGE = `npm run bench -- [options]
  --sets NAMES        of ${SET_NAMES.join(', ')}; NAME/2 is a half. Default: all, and halves of large, small and directories
  --contenders NAMES  of ${CONTENDER_NAMES.join(', ')}. Default: all but sdk, which only takes part where it is named
  --servers NAMES     of ${SERVER_NAMES.join(', ')}. Default: both
  --rounds N          Default: 5
  --seed N            Default: 1
  --json FILE         Default: bench/results/<time>.json
  --quick             About two minutes: parts of large, small and directories, two rounds
  --help              This text`;

const ALL_SETS = ['large', 'large/2', 'huge', 'small', 'small/2', 'middle', 'tiny', 'directories', 'directories/2', 'gzip', 'lines-20', 'lines-200', 'lines-10M', 'line-1G'];
const QUICK_SETS = ['large/4', 'small/4', 'directories/10'];
/** More than that is not kept by the lean server, so that it cannot be compared there. */
const KEPT_BYTES = 1.1e9;

interface Options {
  readonly sets: readonly DataSet[];
  readonly contenders: readonly ContenderName[];
  readonly servers: readonly ServerName[];
  readonly rounds: number;
  readonly seed: number;
  readonly json: string;
}

/** @returns null where help is asked for. @throws UsageError */
function readOptions(args: readonly string[]): Options | null {
  const { values } = asUsage(() => parseArgs({
    args: [...args],
    options: {
      sets: { type: 'string' }, contenders: { type: 'string' }, servers: { type: 'string' }, rounds: { type: 'string' },
      seed: { type: 'string', default: '1' }, json: { type: 'string' }, quick: { type: 'boolean', default: false }, help: { type: 'boolean', short: 'h', default: false },
    },
  }));
  if (values.help) return null;
  const names = <T extends string>(text: string | undefined, known: readonly T[], otherwise: readonly T[]): readonly T[] => (text === undefined ? otherwise : text.split(',').map((name) => {
    const found = known.find((one) => one === name);
    if (found === undefined) throw new UsageError(`there is no ${name}; there are ${known.join(', ')}`);
    return found;
  }));
  const { quick } = values;
  return {
    sets: (values.sets?.split(',') ?? (quick ? QUICK_SETS : ALL_SETS)).map((name) => asUsage(() => findSet(name))),
    contenders: names(values.contenders, CONTENDER_NAMES, CONTENDER_NAMES.filter((name) => name !== 'sdk' && !(quick && name === 'rclone'))),
    servers: names(values.servers, SERVER_NAMES, SERVER_NAMES),
    rounds: wholeNumber('--rounds', values.rounds ?? (quick ? '2' : '5'), 1), seed: wholeNumber('--seed', values.seed, 1),
    json: values.json ?? join(ROOT, 'bench', 'results', `${new Date().toISOString().replaceAll(/[-:]|\.\d+/g, '')}.json`),
  };
}

const say = (line: string): void => { process.stdout.write(`${line}\n`); };

/** One set on one server: a round that is not counted, and then rounds in which the contenders take turns, each round in another order. */
async function measureSet(server: BenchServer, all: readonly Contender[], set: DataSet, { rounds, seed }: Options): Promise<SetResult> {
  const etags = await server.fill(set, seed);
  const contenders = all.filter((contender) => contender.whyNot(set) === null);
  const isKept = server.name !== 'lean' || totalsOf(set).bytes <= KEPT_BYTES;
  const measured = new Map<ContenderName, Measured[]>(contenders.map(({ name }) => [name, []]));
  for (const contender of contenders) {
    await contender.prepare(set, seed, etags);
    await server.keepContent(isKept);
    await contender.run();
    if (isKept && contender.keepsOrder) await checkContent(server, set, seed);
    await server.keepContent(false);
    await server.clearTarget();
  }
  for (let round = 0; round < rounds; round += 1) {
    for (let turn = 0; turn < contenders.length; turn += 1) {
      const contender = contenders[(round + turn) % contenders.length]!;
      measured.get(contender.name)?.push(await contender.run());
      await server.clearTarget();
    }
  }
  const tributary = contenders.find(({ name }) => name === 'tributary');
  return { server: server.name, set, measured, controlPlane: await tributary?.controlPlane() ?? null };
}

async function measureServer(name: ServerName, options: Options, closers: (() => Promise<void>)[]): Promise<SetResult[]> {
  const server = await startServer(name);
  closers.push(() => server.stop());
  const contenders: Contender[] = [];
  for (const wanted of options.contenders) {
    const contender = await startContender(wanted, server);
    if (typeof contender === 'string') {
      say(`${wanted} does not take part on ${name}: ${contender}`);
      continue;
    }
    contenders.push(contender);
    closers.push(() => contender.stop());
  }
  const results: SetResult[] = [];
  for (const set of options.sets) {
    const result = await measureSet(server, contenders, set, options);
    results.push(result);
    say(`\n${describeSet(result)}`);
  }
  for (const close of closers.splice(0).reverse()) await close();
  return results;
}

async function writeJson(options: Options, results: readonly SetResult[]): Promise<void> {
  const machine = { cores: cpus().length, model: cpus()[0]?.model ?? '', memoryBytes: totalmem(), node: process.version, platform: `${process.platform} ${process.arch}` };
  const told = results.map(({ server, set, measured, controlPlane }) => ({
    server, set, totals: totalsOf(set), controlPlane,
    contenders: Object.fromEntries([...measured].map(([name, rounds]) => [name, { figures: figuresOf(set, rounds), rounds }])),
  }));
  await mkdir(dirname(options.json), { recursive: true });
  await writeFile(options.json, `${JSON.stringify({ schema: 'tributary.bench/1', machine, seed: options.seed, rounds: options.rounds, method: METHOD, results: told, margins: marginsOf(results) }, null, 1)}\n`);
}

async function main(): Promise<number | null> {
  const options = readOptions(process.argv.slice(2));
  if (!options) return null;
  const closers: (() => Promise<void>)[] = [];
  const processes = new Processes();
  processes.endOnSignals(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });
  try {
    const { code } = await processes.run(process.execPath, ['scripts/build.ts'], { cwd: ROOT, inherit: true });
    if (code !== 0) return code;
    const results: SetResult[] = [];
    for (const name of options.servers) results.push(...await measureServer(name, options, closers));
    await writeJson(options, results);
    say(`\n${describeMargins(marginsOf(results))}\n\n${METHOD}\n\n${options.json}`);
    return 0;
  } finally {
    for (const close of closers.splice(0).reverse()) await close();
    await processes.stopAll();
  }
}

await runCommand('bench', USAGE, main);
