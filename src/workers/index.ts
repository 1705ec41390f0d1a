/** The worker as the command line uses it. */
export { createWorkerLog, runWorkerProcess } from './process.ts';
export { startWorker } from './worker.ts';
