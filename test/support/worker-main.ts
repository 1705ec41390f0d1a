/** A worker process. */
import { loadConfig } from '../../src/config/load.ts';
import { runWorkerProcess } from '../../src/workers/process.ts';

process.exitCode = await runWorkerProcess(loadConfig());
