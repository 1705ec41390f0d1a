/** How many calls wait for a worker, over the whole fleet: what a scaler looks at. Temporal is asked now and then, by workers that export metrics. */
import type { Logger } from '@temporalio/common';
import type { NativeConnection } from '@temporalio/worker';
import type { Metrics } from '../contracts/metrics.ts';
import { QUEUES } from '../contracts/names.ts';

const ASK_EACH_MS = 5000;
const TIMEOUT_MS = 4000;
type QueueType = NonNullable<Parameters<NativeConnection['workflowService']['describeTaskQueue']>[0]['taskQueueType']>;
// The SDK exports the type of these numbers, and not the numbers.
const ACTIVITIES = 2 as unknown as QueueType;

/** Asks until it is stopped. @returns stops */
export function reportBacklog(connection: NativeConnection, namespace: string, metrics: Metrics, log: Logger): () => void {
  const ask = async (): Promise<void> => {
    try {
      const { stats } = await connection.withDeadline(Date.now() + TIMEOUT_MS, () => connection.workflowService.describeTaskQueue({
        namespace, taskQueue: { name: QUEUES.data }, taskQueueType: ACTIVITIES, reportStats: true,
      }));
      metrics.set('backlog', Number(stats?.approximateBacklogCount ?? 0));
    } catch (error) {
      // The last value stays: whether Temporal answers is for /readyz to say.
      log.debug('the backlog could not be asked for', { error });
    }
  };
  void ask();
  const timer = setInterval(() => { void ask(); }, ASK_EACH_MS).unref();
  return () => { clearInterval(timer); };
}
