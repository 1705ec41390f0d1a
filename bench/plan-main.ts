/**
 * `npm run bench:plan`: how long the planning of a run takes, and how much memory, by the number of keys. The activities are the real
 * ones; the listing is made up, so that neither a store nor the network is measured. Each size has a process of its own.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Client } from '@temporalio/client';
import type { Logger } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { asUsage, runCommand, wholeNumber } from '../scripts/lib/usage.ts';
import { createActivities } from '../src/activities/index.ts';
import { specText } from '../src/activities/run-artefacts.ts';
import { makeStamp } from '../src/core/names.ts';
import { Slab } from '../src/pipeline/slab.ts';
import { bodyOf } from '../src/stores/body.ts';
import { createRegistry } from '../src/stores/create-registry.ts';
import { boundHeap } from '../src/workers/heap.ts';
import { createListedStore, LISTED_BUCKET } from './listed-store.ts';
import { peakBytesOf } from './usage.ts';

const USAGE = `npm run bench:plan -- [options]
  --sizes NUMBERS   Keys to plan, in ascending order. Default: 1000000,10000000
  --help            This text`;

interface Planned { readonly keys: number; readonly seconds: number; readonly peakBytes: number; readonly batches: number; readonly workPages: number; readonly planPages: number }

const quiet: Logger = { log: () => undefined, trace: () => undefined, debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const noServer = { options: { namespace: 'default' }, connection: { operatorService: { listSearchAttributes: async () => ({ customAttributes: {} }) } } } as unknown as Client;
const MIB = 2 ** 20;
/** Linear is at most this much over the ratio of the keys; memory is flat within so much. */
const LINEAR = 1.1;
const FLAT_BYTES = 64 * MIB;

async function plan(keys: number): Promise<Planned> {
  // As a worker does.
  boundHeap();
  const folder = await mkdtemp(join(tmpdir(), 'tributary-plan-'));
  try {
    const store = createListedStore(keys, folder);
    const { control } = createActivities({
      stores: createRegistry({ default: { adapter: 'sdk', createOnce: 'yes' } }, { connect: () => store }),
      slab: new Slab(64 * MIB), temporal: noServer, log: quiet, metrics: { add: () => undefined, set: () => undefined }, identity: 'bench', heartbeatTimeoutMs: 30_000,
    });
    const call = <I, R>(activity: (input: I) => Promise<R>, input: I): Promise<R> => new MockActivityEnvironment({ attempt: 1 }).run(activity, input);
    const startedMs = Date.now();
    const identity = { id: 'bench', stamp: makeStamp(startedMs, '01890000-0000-7000-8000-0000deadbeef'), startedMs };
    const { run, spec, limits } = await call(control.resolveSpec, { identity, raw: { source: `s3://${LISTED_BUCKET}/`, target: 's3://merged/' } });
    await store.put({ bucket: run.control.bucket, key: `${run.control.prefix}spec.json`, body: bodyOf(specText(spec)) });
    const from = performance.now();
    let planPages = 1;
    let page = await call(control.planPage, { run, segment: null, limits });
    for (; !page.plan; planPages += 1) page = await call(control.planPage, { run, segment: page.segment, limits });
    const { totals, workPages } = page.plan;
    const seconds = (performance.now() - from) / 1000;
    if (totals.sources !== keys) throw new Error(`of ${keys} keys ${totals.sources} were planned`);
    return { keys, seconds, peakBytes: peakBytesOf(process.pid), batches: totals.batches, workPages: workPages.length, planPages };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The same in a process of its own, whose memory is nobody else's. */
async function planApart(keys: number): Promise<Planned> {
  const child = fork(fileURLToPath(import.meta.url), ['--only', String(keys)]);
  const [planned] = await once(child, 'message') as [Planned];
  return planned;
}

/** @returns whether each size was planned in linear time and in the memory of the first */
async function compare(sizes: readonly number[]): Promise<boolean> {
  const all: Planned[] = [];
  let isGood = true;
  for (const keys of sizes) {
    const planned = await planApart(keys);
    const { seconds, peakBytes, batches, workPages, planPages } = planned;
    process.stdout.write(`${keys.toLocaleString('en-US').padStart(12)} keys  ${seconds.toFixed(2).padStart(8)} s  ${Math.round(keys / seconds).toLocaleString('en-US').padStart(9)} keys/s  `
      + `peak ${(peakBytes / MIB).toFixed(0)} MiB  ${batches} batches on ${workPages} work pages, ${planPages} calls of planPage\n`);
    const before = all.at(-1);
    const first = all[0];
    if (before && first) {
      const [times, more, grownBytes] = [keys / before.keys, seconds / before.seconds, peakBytes - first.peakBytes];
      const [isLinear, isFlat] = [more <= times * LINEAR, grownBytes <= FLAT_BYTES];
      isGood &&= isLinear && isFlat;
      process.stdout.write(`${' '.repeat(14)}${times.toFixed(1)} × the keys, ${more.toFixed(2)} × the time (${isLinear ? 'linear' : 'NOT LINEAR'}); `
        + `memory ${(grownBytes / MIB).toFixed(0)} MiB more than the smallest (${isFlat ? 'flat' : 'NOT FLAT'})\n`);
    }
    all.push(planned);
  }
  return isGood;
}

async function main(): Promise<number | null> {
  const { values } = asUsage(() => parseArgs({
    options: { sizes: { type: 'string', default: '1000000,10000000' }, only: { type: 'string' }, help: { type: 'boolean', short: 'h', default: false } },
  }));
  if (values.help) return null;
  if (values.only === undefined) return await compare(values.sizes.split(',').map((size) => wholeNumber('each of --sizes', size, 1))) ? 0 : 1;
  process.send?.(await plan(wholeNumber('--only', values.only, 1)));
  return 0;
}

await runCommand('bench:plan', USAGE, main);
