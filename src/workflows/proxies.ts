/**
 * How workflows call activities: one set of options for each kind of work. Attempts are unlimited, since a run outlives any
 * outage; what cannot succeed is thrown as non-retryable by the activity. The server counts every attempt, also those whose worker died in
 * the middle of good work: so waits between attempts stay short, else the tenth kill of one call would cost minutes.
 */
import { ActivityCancellationType, proxyActivities } from '@temporalio/workflow';
import type { ControlActivities, DataActivities } from '../contracts/activities.ts';
import { QUEUES } from '../contracts/names.ts';

const retry = { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '5s' } as const;
const cancellationType = ActivityCancellationType.WAIT_CANCELLATION_COMPLETED;

/** Until the workers have said theirs. */
const DEFAULT_HEARTBEAT_TIMEOUT_MS = 30_000;

export interface Calls {
  /** Short calls. */
  readonly short: ControlActivities;
  /** Calls that walk a listing, or read many artefacts or all chunks. An attempt has days: all that was written may be read, and a worker that dies is noticed by its heartbeats. */
  readonly walking: ControlActivities;
  /** Calls that move bytes, and heartbeat their cursor. A call returns after 10 minutes, or once its cursor has moved then; one that waits for a store may take longer. */
  readonly moving: (call: { /** Of its workflow, once. */ readonly id: string; readonly summary: string }) => DataActivities;
}

/** Every call heartbeats. @param heartbeatTimeout how long a silent one is waited for before another worker takes it over */
export function callsWith(heartbeatTimeout: number = DEFAULT_HEARTBEAT_TIMEOUT_MS): Calls {
  const common = { heartbeatTimeout, retry, cancellationType };
  return {
    short: proxyActivities<ControlActivities>({ ...common, taskQueue: QUEUES.control, startToCloseTimeout: '2m' }),
    walking: proxyActivities<ControlActivities>({ ...common, taskQueue: QUEUES.control, startToCloseTimeout: '10d' }),
    moving: ({ id, summary }) => proxyActivities<DataActivities>({ ...common, taskQueue: QUEUES.data, startToCloseTimeout: '24h', activityId: id, summary }),
  };
}
