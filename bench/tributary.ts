/** The contender *tributary*: a worker process as people start it, on a Temporal server of its own, runs started by a client. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import { ensureTemporalBinary } from '../src/client/services/ensure-program.ts';
import { startProcess } from '../src/client/services/managed-process.ts';
import { startTemporal } from '../src/client/services/temporal.ts';
import { readEnvironment } from '../src/config/environment.ts';
import type { MergeInput } from '../src/contracts/merge.ts';
import { QUEUES } from '../src/contracts/names.ts';
import { reportSchema } from '../src/contracts/report.ts';
import type { Contender, ContenderName } from './contender.ts';
import { controlPlaneOf } from './control-plane.ts';
import { prefixOf, totalsOf, type DataSet } from './data-sets.ts';
import type { BenchServer } from './servers.ts';
import { watchUsage } from './usage.ts';

const COMMAND = join(import.meta.dirname, '..', 'bin', 'tributary.mjs');
const START_MS = 60_000;

/** Variables that say where this machine keeps things; none that says whom to talk to. */
function plainEnvironment(home: string): Record<string, string> {
  const kept = Object.entries(readEnvironment().variables).filter(([name]) => !/^(?:AWS|TEMPORAL|TRIBUTARY|XDG)_|^FORCE_COLOR$/.test(name));
  return { ...Object.fromEntries(kept), HOME: home };
}

export async function startTributary(name: ContenderName, server: BenchServer, adapter: 'auto' | 'sdk'): Promise<Contender> {
  const home = await mkdtemp(join(tmpdir(), 'tributary-bench-home-'));
  const temporal = await startTemporal({ binary: await ensureTemporalBinary({ onProgress: (line) => process.stderr.write(`${line}\n`) }), logFile: join(home, 'temporal.log') });
  const { endpoint, place } = server;
  const worker = startProcess({
    file: process.execPath, args: [COMMAND, 'worker'], logFile: join(home, 'worker.log'),
    env: {
      ...plainEnvironment(home), TEMPORAL_ADDRESS: temporal.address, TRIBUTARY_STORES_DEFAULT_ADAPTER: adapter, TRIBUTARY_LOG_FORMAT: 'json',
      AWS_ENDPOINT_URL_S3: endpoint, AWS_REGION: place.region, AWS_ACCESS_KEY_ID: place.accessKeyId, AWS_SECRET_ACCESS_KEY: place.secretAccessKey,
    },
  });
  const connection = await Connection.connect({ address: temporal.address });
  const client = new Client({ connection });
  const stop = async (): Promise<void> => {
    await worker.stop();
    await connection.close();
    await temporal.stop();
    await rm(home, { recursive: true, force: true });
  };
  const deadlineMs = Date.now() + START_MS;
  while (!worker.lastOutput().includes('worker is ready')) {
    const ended = await Promise.race([worker.exited, new Promise<null>((resolve) => { setTimeout(() => { resolve(null); }, 50); })]);
    if (ended === null && Date.now() < deadlineMs) continue;
    const output = worker.lastOutput();
    await stop();
    throw new Error(`the worker did not start: ${output}`);
  }

  let set: DataSet | null = null;
  let runs = 0;
  return {
    name, keepsOrder: true, stop,
    whyNot: () => null,
    prepare: async (next) => { set = next; },
    controlPlane: () => controlPlaneOf(client, workflowIdOf(runs)),
    run: async () => {
      if (!set) throw new Error('there is nothing to merge yet');
      runs += 1;
      const input: MergeInput = {
        source: `s3://${place.sourceBucket}/${prefixOf(set)}`, target: `s3://${place.targetBucket}/${prefixOf(set)}`, chunk: { lines: set.chunkLines },
      };
      const usage = watchUsage(worker.pid);
      const startedMs = performance.now();
      const handle = await client.workflow.start('mergeRun', { taskQueue: QUEUES.control, workflowId: workflowIdOf(runs), args: [input] });
      const report = reportSchema.parse(await handle.result());
      const seconds = (performance.now() - startedMs) / 1000;
      const used = usage();
      const { objects, lines, chunks } = totalsOf(set);
      if (report.status !== 'completed' || report.done.objects !== objects || report.lines !== lines || report.chunks.count !== chunks) {
        throw new Error(`the run did not come to ${objects} objects, ${lines} lines and ${chunks} chunks: ${JSON.stringify(report)}`);
      }
      const requests = Object.values(report.requests).reduce((sum, count) => sum + count, 0);
      return { seconds, writeSeconds: await writeSecondsOf(handle), requests, ...used };
    },
  };
}

const workflowIdOf = (run: number): string => `bench-${run}`;

/** How long WRITE took, by history: from the end of what plans to the start of what comes after the last batch. */
async function writeSecondsOf(handle: WorkflowHandle): Promise<number> {
  const { events } = await handle.fetchHistory();
  const names = new Map<string, string>();
  const scheduledMs = new Map<string, number>();
  let plannedMs = 0;
  for (const { eventId, eventTime, activityTaskScheduledEventAttributes: scheduled, activityTaskCompletedEventAttributes: completed } of events ?? []) {
    const atMs = Number(eventTime?.seconds ?? 0) * 1000 + (eventTime?.nanos ?? 0) / 1e6;
    const name = scheduled?.activityType?.name;
    if (typeof name === 'string') {
      names.set(String(eventId), name);
      scheduledMs.set(name, atMs);
    }
    if (completed && names.get(String(completed.scheduledEventId)) === 'planPage') plannedMs = atMs;
  }
  const endMs = scheduledMs.get('verifyPage');
  if (plannedMs === 0 || endMs === undefined) throw new Error('the history of the run does not show its phases');
  return (endMs - plannedMs) / 1000;
}
