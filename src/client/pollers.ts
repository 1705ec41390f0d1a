import type { QUEUES } from '../contracts/names.ts';
import type { Runs } from './runs.ts';

type QueueType = NonNullable<Parameters<Runs['client']['workflowService']['describeTaskQueue']>[0]['taskQueueType']>;
// The SDK exports the type of these numbers, and not the numbers.
const WORKFLOW_QUEUE = 1 as unknown as QueueType;
const ACTIVITY_QUEUE = 2 as unknown as QueueType;
/** A worker asks at least once a minute; the server remembers it for five. */
const ALIVE_MS = 75_000;

/** Whether a worker has asked this queue for work within the last minute. */
export async function hasPollers({ client, namespace }: Pick<Runs, 'client' | 'namespace'>, queue: (typeof QUEUES)[keyof typeof QUEUES]): Promise<boolean> {
  const { pollers } = await client.workflowService.describeTaskQueue({
    namespace, taskQueue: { name: queue }, taskQueueType: queue === 'tributary' ? WORKFLOW_QUEUE : ACTIVITY_QUEUE,
  });
  return pollers.some(({ lastAccessTime }) => Date.now() - Number(lastAccessTime?.seconds ?? 0) * 1000 < ALIVE_MS);
}
