/**
 * How workflows call activities: one set of options for each kind of work. Attempts are unlimited, since a run outlives any
 * outage; what cannot succeed is thrown as non-retryable by the activity.
 */
import { ActivityCancellationType, proxyActivities } from '@temporalio/workflow';
import type { ControlActivities, DataActivities } from '../contracts/activities.ts';
import { QUEUES } from '../contracts/names.ts';

const retry = { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '5m' } as const;
const cancellationType = ActivityCancellationType.WAIT_CANCELLATION_COMPLETED;

/** Short calls. */
export const control = proxyActivities<ControlActivities>({
  taskQueue: QUEUES.control, startToCloseTimeout: '2m', heartbeatTimeout: '30s', retry, cancellationType,
});

/** Calls that walk a listing or read many artefacts, and heartbeat. */
export const walking = proxyActivities<ControlActivities>({
  taskQueue: QUEUES.control, startToCloseTimeout: '6h', heartbeatTimeout: '30s', retry, cancellationType,
});

/** Calls that move bytes, and heartbeat their cursor. A call returns after 10 minutes; one that waits for a store may take longer. */
export function moving(summary: string): DataActivities {
  return proxyActivities<DataActivities>({
    taskQueue: QUEUES.data, startToCloseTimeout: '24h', heartbeatTimeout: '30s', retry, cancellationType, summary,
  });
}
