/**
 * Records the histories that `replay.test.ts` replays: one of each workflow type and of each way that a run can end.
 *
 * Recipe: `node test/replay/record.ts`, on the code whose histories are to be kept. Record from released code only, never from a branch
 * under test: what a history is for is to show that new code still follows what old code wrote. Before the first release every change
 * of a workflow may record anew.
 */
import { writeFile } from 'node:fs/promises';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { ensureTemporalBinary } from '../../src/client/services/ensure-program.ts';
import { startTemporal } from '../../src/client/services/temporal.ts';
import { readEnvironment } from '../../src/config/environment.ts';
import { QUEUES, WORKFLOWS } from '../../src/contracts/names.ts';
import type { Progress } from '../../src/contracts/progress.ts';
import { openBuckets } from '../support/buckets.ts';
import { Programs } from '../support/programs.ts';
import { until } from '../support/until.ts';
import { startTestServer } from '../support/versitygw.ts';

const HISTORIES = fileURLToPath(new URL('./histories/', import.meta.url));
const WORKER = fileURLToPath(new URL('../support/worker-main.ts', import.meta.url));

const home = mkdtempSync(join(tmpdir(), 'tributary-record-'));
const programs = new Programs();
const temporal = await startTemporal({ binary: await ensureTemporalBinary(), logFile: join(home, 'temporal.log') });
const s3 = await startTestServer();
const buckets = openBuckets(s3.endpoint, s3.root);
const client = new Client({ connection: await Connection.connect({ address: temporal.address }) });

async function save(name: string, handle: WorkflowHandle): Promise<void> {
  // Stack traces name folders of the machine that recorded them.
  const history = JSON.stringify(JSON.parse(historyToJSON(await handle.fetchHistory())), (key, value: unknown) => (key === 'stackTrace' ? '' : value));
  await writeFile(join(HISTORIES, `${name}.json`), `${history}\n`);
}

const start = (id: string, input: object): Promise<WorkflowHandle> =>
  client.workflow.start(WORKFLOWS.mergeRun, { workflowId: id, taskQueue: QUEUES.control, args: [{ source: 's3://logs/', ...input }] });

const writing = (handle: WorkflowHandle): Promise<Progress> => until(() => handle.query<Progress>('progress'), ({ phase, batches }) => phase === 'WRITE' && batches.running > 0);

try {
  const { variables, paths } = readEnvironment();
  const worker = programs.start(process.execPath, [WORKER], {
    env: {
      PATH: variables['PATH'] ?? '', HOME: home, XDG_CACHE_HOME: dirname(paths.cache), TEMPORAL_ADDRESS: temporal.address,
      AWS_ENDPOINT_URL_S3: s3.endpoint, AWS_REGION: 'us-east-1', AWS_ACCESS_KEY_ID: s3.root.accessKeyId, AWS_SECRET_ACCESS_KEY: s3.root.secretAccessKey,
    },
  });
  await worker.printed(/worker is ready/);
  await buckets.create('logs', 'merged');
  await buckets.fill('logs', new Map(Array.from({ length: 12 }, (_, at) => [`app${at % 3}/${at}.log`, Buffer.from('line\n'.repeat(2000))])));

  const whole = await start('completed', { target: 's3://merged/completed/', chunk: { lines: 500 } });
  await whole.result();
  await save('merge-run-completed', whole);
  for await (const { workflowId, type } of client.workflow.list({ query: "WorkflowType IN ('mergePrefix', 'targetLease')" })) {
    await save(type === WORKFLOWS.mergePrefix ? 'merge-prefix-completed' : 'target-lease', client.workflow.getHandle(workflowId));
  }
  const refused = await start('refused', { target: 's3://merged/completed/' });
  await refused.result().catch(() => undefined);
  await save('merge-run-refused', refused);

  const planned = await start('planned', { target: 's3://merged/planned/', dryRun: true });
  await planned.result();
  await save('merge-run-planned', planned);

  const paused = await start('paused', { target: 's3://merged/paused/', limits: { bytesPerSecond: 8192 } });
  await writing(paused);
  await paused.signal('pause');
  await paused.executeUpdate('setLimits', { args: [{ bytesPerSecond: 'off' }] });
  await paused.signal('resume');
  await paused.result();
  await save('merge-run-paused', paused);

  const cancelled = await start('cancelled', { target: 's3://merged/cancelled/', limits: { bytesPerSecond: 8192 } });
  await writing(cancelled);
  await cancelled.cancel();
  await cancelled.result();
  await save('merge-run-cancelled', cancelled);

  const verified = await client.workflow.start(WORKFLOWS.verifyRun, { workflowId: 'verified', taskQueue: QUEUES.control, args: [{ run: 'completed', mode: 'content' }] });
  await verified.result();
  await save('verify-run', verified);
} finally {
  await programs.stopAll();
  buckets.close();
  await client.connection.close();
  await s3.stop();
  await temporal.stop();
  rmSync(home, { recursive: true, force: true });
}
