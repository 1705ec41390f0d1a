/**
 * Public names: workflow types, messages, queues and search attributes. They are API: people type them into the
 * `temporal` CLI, and recorded histories hold them. No zod here: workflow code imports this file.
 */

export const QUEUES = { control: 'tributary', data: 'tributary-data' } as const;

export const WORKFLOWS = {
  mergeRun: 'mergeRun',
  mergePage: 'mergePage',
  mergePrefix: 'mergePrefix',
  targetLease: 'targetLease',
  verifyRun: 'verifyRun',
} as const;

export const SIGNALS = { pause: 'pause', resume: 'resume', cancel: 'cancel', limits: 'limits', stopped: 'stopped', share: 'share' } as const;
export const QUERIES = { progress: 'progress' } as const;
export const UPDATES = { setLimits: 'setLimits' } as const;

/** All of type Keyword. A run works without them; `tributary setup` and `tributary dev` make them. */
export const SEARCH_ATTRIBUTES = { job: 'TributaryJob', phase: 'TributaryPhase', target: 'TributaryTarget' } as const;

/** How Temporal calls the executions that have ended. There are other words than these and RUNNING: one that is PAUSED by the server goes on later. */
export const ENDED_STATUSES: ReadonlySet<string> = new Set(['COMPLETED', 'FAILED', 'CANCELLED', 'TERMINATED', 'TIMED_OUT']);

/** The folder under a target that holds the control data of runs. `_` hides it from Athena, Glue and Spark. */
export const CONTROL_FOLDER = '_tributary/';

/** Metadata key of the token that every chunk carries: `<stamp>/<group hash>/<chunk>`. */
export const TOKEN_METADATA = 'tributary-chunk';

/** Keys of the memo. `run` is what is needed to find a run's artefacts, also long after it has ended. */
export const MEMO = { run: 'tributaryRun' } as const;
