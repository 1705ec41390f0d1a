/** A worker process, for workflow code that never comes to an end. Argument: Temporal's address. */
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger, NativeConnection } from '@temporalio/worker';
import { RehearsedWorker } from '../../src/workers/rehearsal.ts';

class ImpatientWorker extends RehearsedWorker {
  protected static override readonly stepLimits = { stepMs: 2_000, graceMs: 200 };
}

const connection = await NativeConnection.connect({ address: process.argv[2] ?? '' });
const workflowBundle = await bundleWorkflowCode({ workflowsPath: fileURLToPath(new URL('./endless-workflow.ts', import.meta.url)), logger: new DefaultLogger('ERROR') });
const worker = await ImpatientWorker.create({ connection, taskQueue: 'endless', workflowBundle, workflowThreadPoolSize: 1 });
await worker.run();
