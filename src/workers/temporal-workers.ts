/** Temporal's workers, one a queue, with the settings that resumption rests on. */
import { Worker, type NativeConnection, type WorkerOptions } from '@temporalio/worker';
import type { ResolvedConfig } from '../config/load.ts';
import { QUEUES } from '../contracts/names.ts';
import { RehearsedWorker } from './rehearsal.ts';

/** How old a cursor may be that a dead worker leaves behind, and how late a call hears that it is interrupted, where the heartbeat timeout allows as much. */
const LONGEST_THROTTLE_MS = 2000;
/** Without it a signal to a workflow that a dead worker had cached waits for ten seconds. */
const STICKY_TIMEOUT_MS = 1000;
/** Each cached workflow costs memory; a workflow that is not cached costs its replay. */
const CACHED_WORKFLOWS = 200;

export interface TemporalWorkersOptions {
  readonly config: ResolvedConfig;
  readonly connection: NativeConnection;
  readonly namespace: string;
  /** Of this process, among all that work for the server. */
  readonly identity: string;
}

function commonOptions({ config: { values, environment }, connection, namespace, identity }: TemporalWorkersOptions) {
  const { heartbeatTimeout, shutdownGrace } = values.worker;
  const { deploymentName, buildId } = environment.temporal;
  return {
    connection,
    namespace,
    identity,
    // Calls are told to stop at once, so that all of the grace is theirs to hand over.
    shutdownGraceTime: 0,
    shutdownForceTime: shutdownGrace,
    maxHeartbeatThrottleInterval: Math.min(LONGEST_THROTTLE_MS, heartbeatTimeout / 5),
    stickyQueueScheduleToStartTimeout: STICKY_TIMEOUT_MS,
    // A run stays with the code that it was started on; whoever deploys versions keeps the old ones up until they have drained.
    ...(deploymentName === undefined || buildId === undefined ? {} : {
      workerDeploymentOptions: { version: { deploymentName, buildId }, useWorkerVersioning: true, defaultVersioningBehavior: 'PINNED' as const },
    }),
  } satisfies Partial<WorkerOptions>;
}

/** Serves workflows and control activities. @param workflowBundle path of the bundled workflow code */
export function createControlWorker(options: TemporalWorkersOptions, activities: object, workflowBundle: string): Promise<Worker> {
  return RehearsedWorker.create({
    ...commonOptions(options), taskQueue: QUEUES.control, activities, workflowBundle: { codePath: workflowBundle },
    maxConcurrentActivityTaskExecutions: options.config.values.worker.controlSlots,
    reuseV8Context: true, workflowThreadPoolSize: 1, maxCachedWorkflows: CACHED_WORKFLOWS,
  });
}

/** Serves data activities. @param slots calls at the same time */
export function createDataWorker(options: TemporalWorkersOptions, activities: object, slots: number): Promise<Worker> {
  return Worker.create({ ...commonOptions(options), taskQueue: QUEUES.data, activities, maxConcurrentActivityTaskExecutions: slots });
}
