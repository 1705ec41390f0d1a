/** The worker as the command line uses it. */
export { createWorkerLog, runWorkerProcess } from './process.ts';
export { startWorker, type RunningWorker, type StartOptions } from './worker.ts';
