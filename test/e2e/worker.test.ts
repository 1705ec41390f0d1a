/** `tributary worker` as it is installed: stores by name with their own credentials, figures that agree, logs that can be read, memory that is bounded. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { choosePort } from '../../src/client/services/ports.ts';
import { reportSchema, type Report } from '../../src/contracts/report.ts';
import { checkMerged } from '../support/invariants.ts';
import { makeSources } from '../support/numbered-lines.ts';
import type { Program } from '../support/programs.ts';
import { useRig } from '../support/rig.ts';
import { until } from '../support/until.ts';
import { startTestServer, type TestServer } from '../support/versitygw.ts';
import { openBuckets, type Buckets } from '../support/buckets.ts';

const MiB = 2 ** 20;
const rig = useRig({ workers: 0 });
let cold: TestServer;
let coldBuckets: Buckets;
let worker: Program;
let health: string;
let metrics: string;

beforeAll(async () => {
  cold = await startTestServer({ accessKeyId: 'cold-key', secretAccessKey: 'cold-hunter2-secret' });
  coldBuckets = openBuckets(cold.endpoint, cold.root);
  const { home } = rig();
  writeFileSync(join(home, 'secret'), `${cold.root.secretAccessKey}\n`);
  const healthPort = await choosePort();
  const metricsPort = await choosePort(0, [healthPort]);
  const file = join(home, 'worker.yaml');
  writeFileSync(file, `
stores:
  cold:
    endpoint: ${cold.endpoint}
    region: us-east-1
    credentials: {accessKeyId: env:COLD_KEY, secretAccessKey: "file:${join(home, 'secret')}"}
health: {port: ${healthPort}}
metrics: {port: ${metricsPort}}
log: {level: debug, format: json}
`);
  health = `http://127.0.0.1:${healthPort}`;
  metrics = `http://127.0.0.1:${metricsPort}/metrics`;
  worker = rig().startCli(['worker', '--config', file], { COLD_KEY: cold.root.accessKeyId });
  await worker.printed(/worker is ready/);
});
afterAll(async () => {
  coldBuckets.close();
  await cold.stop();
});

const merge = async (id: string, input: object): Promise<Report> => {
  const handle = await rig().client.workflow.start('mergeRun', { taskQueue: 'tributary', workflowId: id, args: [input] });
  return reportSchema.parse(await handle.result());
};

/** Sum of a series over its labels. */
const total = async (name: string): Promise<number> => {
  const text = await (await fetch(metrics)).text();
  return [...text.matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, 'gm'))].reduce((sum, [, value]) => sum + Number(value), 0);
};

describe('tributary worker', () => {
  it('merges from one store into another, each with its own endpoint and credentials, and counts what the report counts', async () => {
    const sources = makeSources(7, { sources: 30, directories: ['', 'app/'] });
    await coldBuckets.create('logs');
    await coldBuckets.fill('logs', sources);
    await rig().buckets.create('merged');
    const report = await merge('two-stores', { source: { uri: 's3://logs/', store: 'cold' }, target: 's3://merged/', chunk: { lines: 100 } });
    expect(report).toMatchObject({ status: 'completed', done: { objects: sources.size } });
    expect(checkMerged(sources, await rig().buckets.read('merged'), { chunk: { lines: 100 } })).toEqual([]);

    await until(() => total('tributary_lines_total'), (lines) => lines === report.lines);
    expect(await total('tributary_chunks_total')).toBe(report.chunks.count);
    expect(await total('tributary_objects_total')).toBe(report.done.objects);
    expect(await total('tributary_written_bytes_total')).toBe(report.chunks.bytes);
    expect(await (await fetch(metrics)).text()).toMatch(/^tributary_requests_total\{class="get",store="cold"\} [1-9]/m);
  });

  it('logs lines that say which run, workflow and call they are about', () => {
    const lines = worker.stderr().trim().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines).toContainEqual(expect.objectContaining({
      level: expect.any(String), time: expect.any(String), msg: expect.any(String), run: 'two-stores', workflowId: expect.stringMatching(/^two-stores\/.*batch/), activity: 'mergeChunks', attempt: 1,
    }));
    expect(worker.stdout()).toBe('');
  });

  it('lets no secret into its logs, its status or a history', async () => {
    const histories: string[] = [];
    for await (const { workflowId } of rig().client.workflow.list()) {
      histories.push(JSON.stringify(await rig().client.workflow.getHandle(workflowId).fetchHistory()));
    }
    const status = await (await fetch(`${health}/status`)).text();
    expect(histories.length).toBeGreaterThan(1);
    for (const text of [worker.stderr(), status, ...histories]) {
      expect(text).not.toContain(cold.root.secretAccessKey);
      expect(text).not.toContain(rig().s3.root.secretAccessKey);
    }
  });

  it('stays within its memory budget and 200 MiB, for large and for many small objects', async () => {
    const { s3 } = rig();
    const lines = Buffer.alloc(1_000_000, `${'x'.repeat(199)}\n`);
    const small = lines.subarray(0, 10_000);
    const write = (directory: string, name: string, block: Buffer, blocks: number): void => {
      mkdirSync(join(s3.dataDir, 'heavy', directory), { recursive: true });
      const file = openSync(join(s3.dataDir, 'heavy', directory, name), 'w');
      for (let written = 0; written < blocks; written += 1) writeSync(file, block);
      closeSync(file);
    };
    // More large groups than calls at the same time, so that the whole slab is used.
    for (const directory of ['a', 'b', 'c', 'd']) write(directory, 'large.log', lines, 128);
    for (let i = 0; i < 4000; i += 1) write(`small-${i % 8}`, `${i}.log`, small, 1);
    await rig().buckets.create('heavy-merged');

    let highest = 0;
    const memory = async (): Promise<{ budgetBytes: number; heldBytes: number; residentBytes: number }> =>
      ((await (await fetch(`${health}/status`)).json()) as { memory: { budgetBytes: number; heldBytes: number; residentBytes: number } }).memory;
    let report: Report | undefined;
    const run = merge('heavy', { source: 's3://heavy/', target: 's3://heavy-merged/' }).then((result) => { report = result; });
    await until(memory, ({ budgetBytes, heldBytes, residentBytes }) => {
      expect(heldBytes).toBeLessThanOrEqual(budgetBytes);
      highest = Math.max(highest, residentBytes);
      return report !== undefined;
    });
    await run;
    expect(report).toMatchObject({ status: 'completed', done: { objects: 4004 } });
    expect(highest / MiB).toBeGreaterThan(150);
    expect(highest / MiB).toBeLessThanOrEqual(256 + 200);
    expect((await memory()).heldBytes).toBe(0);
  });

  it('ends with 0 on SIGTERM', async () => {
    worker.kill('SIGTERM');
    expect((await worker.ended).code).toBe(0);
  });
});
