/**
 * The one list of error codes, with the facts that the rest of the house decides by.
 *
 * Invariants: a code is never reused for another meaning; whether something is retried, and which exit code the command
 * line ends with, follows from this table and from nothing else. No zod here: workflow code imports this file.
 */

export interface ErrorFacts {
  /** Whether the same call may succeed later without anybody changing anything. */
  readonly retryable: boolean;
  /** Exit code of the command line when a run ends with this error. */
  readonly exitCode: number;
  /** What the reader can do about it, in one sentence. */
  readonly remedy: string;
}

export const EXIT = {
  ok: 0,
  other: 1,
  usage: 2,
  notFound: 3,
  temporary: 5,
  denied: 6,
  conflict: 8,
  differences: 10,
  sourcesFailed: 11,
  cancelled: 12,
  detached: 130,
} as const;

const permanent = (exitCode: number, remedy: string): ErrorFacts => ({ retryable: false, exitCode, remedy });
const transient = (exitCode: number, remedy: string): ErrorFacts => ({ retryable: true, exitCode, remedy });

export const ERRORS = {
  'TRB-INVALID-INPUT': permanent(EXIT.usage, 'Correct the input; `tributary explain merge` lists every field.'),
  'TRB-NOT-SUPPORTED': permanent(EXIT.usage, 'It is not built yet; leave it out.'),
  'TRB-INVALID-CONFIG': permanent(EXIT.usage, 'Correct the configuration; `tributary config` shows each value and where it came from.'),
  'TRB-DISK-FULL': permanent(EXIT.other, 'Make room on that disk, or keep runs and programs elsewhere: XDG_STATE_HOME and XDG_CACHE_HOME name the directories.'),
  'TRB-UNKNOWN-STORE': permanent(EXIT.usage, 'Name a store of the worker configuration, or add it to tributary.yaml.'),
  'TRB-CHUNK-TOO-LARGE': permanent(EXIT.usage, 'Merge fewer lines per chunk, or set a larger part size.'),
  'TRB-NO-SUCH-BUCKET': permanent(EXIT.notFound, 'Check the bucket name, the endpoint and the region.'),
  'TRB-NO-SUCH-PREFIX': permanent(EXIT.notFound, 'Check the prefix: nothing is stored under it.'),
  'TRB-NO-SUCH-KEY': permanent(EXIT.notFound, 'Check the key.'),
  'TRB-RUN-NOT-FOUND': permanent(EXIT.notFound, 'List the runs with `tributary runs`.'),
  'TRB-RUN-ENDED': permanent(EXIT.other, 'A run that has ended cannot be steered; `tributary report` shows its figures.'),
  'TRB-RUN-OPEN': transient(EXIT.temporary, 'Wait for its end with `tributary watch`, or see how far it is with `tributary status`.'),
  'TRB-STORE-UNREACHABLE': transient(EXIT.temporary, 'Check the endpoint and the network; a run that is under way goes on by itself when the store answers.'),
  'TRB-STORE-THROTTLED': transient(EXIT.temporary, 'The store asks for fewer requests; lower --tpslimit if it lasts.'),
  'TRB-STORE-FAULT': transient(EXIT.temporary, 'The store answered with a server error; it is asked again.'),
  'TRB-STORE-REFUSED': permanent(EXIT.other, 'The store does not take this request; its own code and words are in the message.'),
  'TRB-TEMPORAL-UNREACHABLE': transient(EXIT.temporary, 'Check --address or TEMPORAL_ADDRESS, or start a server with `tributary dev`.'),
  'TRB-NO-WORKER': transient(EXIT.temporary, 'Start one with `tributary worker`; runs, and what they were told to do, wait until then.'),
  'TRB-BAD-CREDENTIALS': permanent(EXIT.denied, 'Check the access key, the secret and the session token of this store.'),
  'TRB-ACCESS-DENIED': permanent(EXIT.denied, 'Grant the permission named in the message; `tributary doctor` tests each one.'),
  'TRB-TARGET-BUSY': permanent(EXIT.conflict, 'Wait for the other run, or cancel it; where nobody works on it, `tributary watch` or `tributary resume` goes on with it.'),
  'TRB-TARGET-MERGED': permanent(EXIT.conflict, 'Say --again to merge all of the source once more under a new stamp; for what a cancelled or terminated run did not get to see "The rest of a run" in docs/OPERATIONS.md.'),
  'TRB-CHUNK-CONFLICT': permanent(EXIT.conflict, 'Move the foreign object away; it was not touched.'),
  'TRB-CHUNK-DIVERGED': permanent(EXIT.conflict, 'A chunk of this run exists with other bytes, because a source changed in between; start a new run.'),
  'TRB-SOURCE-CHANGED': permanent(EXIT.sourcesFailed, 'The source was overwritten after it was planned; a new run reads the new version.'),
  'TRB-SOURCE-GONE': permanent(EXIT.sourcesFailed, 'The source was deleted after it was planned.'),
  'TRB-SOURCE-DENIED': permanent(EXIT.sourcesFailed, 'Grant s3:GetObject on this key.'),
  'TRB-SOURCE-ARCHIVED': permanent(EXIT.sourcesFailed, 'Restore the source from its archive class first, or exclude it.'),
  'TRB-SOURCE-CORRUPT': permanent(EXIT.sourcesFailed, 'The data is damaged or cut off; `keep` of its record says how much of it was merged. Mend it, then retry.'),
  'TRB-SOURCE-ENCODING': permanent(EXIT.sourcesFailed, 'This compression is not supported; merge it as it is with compression.input none, or exclude it.'),
  'TRB-SOURCE-KEY': permanent(EXIT.sourcesFailed, 'The chunk of its directory would have a key of more than 1,024 bytes; merge it to a target with a shorter prefix.'),
  'TRB-SOURCE-REST': permanent(EXIT.sourcesFailed, 'A part of it is on the target already, and where the rest begins cannot be told; merge what is missing on its own.'),
  'TRB-NOTHING-TO-RETRY': permanent(EXIT.usage, '`tributary failures` lists what failed in a run; for what a cancelled or terminated one did not get to see "The rest of a run" in docs/OPERATIONS.md.'),
  'TRB-RETRY-UNFINISHED': permanent(EXIT.conflict, 'Delete the chunks and the control data of that retry: they hold nothing else. Then retry again.'),
  'TRB-PLAN-LOST': permanent(EXIT.other, 'The plan in the control prefix is gone or changed; start a new run.'),
  'TRB-RUN-SWEPT': permanent(EXIT.notFound, 'What was needed to verify it was removed by `tributary sweep`; what it merged stays.'),
  'TRB-LIST-ORDER': permanent(EXIT.other, 'The store does not list keys in UTF-8 order, which exact merging needs.'),
  'TRB-VERIFY-DIFFERENCES': permanent(EXIT.differences, 'See the findings; the target was changed after it was written, or a write was lost.'),
  'TRB-CANCELLED': permanent(EXIT.cancelled, 'What it merged stays; for the rest see "The rest of a run" in docs/OPERATIONS.md.'),
  'TRB-INTERNAL': transient(EXIT.other, 'This is a defect of Tributary; please report it with the log.'),
} as const satisfies Record<string, ErrorFacts>;

export type ErrorCode = keyof typeof ERRORS;

/** Structured facts of one error. Never holds a secret: it goes to history, logs and reports. */
export interface ErrorContext {
  readonly store?: string;
  readonly bucket?: string;
  readonly key?: string;
  readonly operation?: string;
  readonly httpStatus?: number;
  /** The store's own code, as `NoSuchKey`. */
  readonly storeCode?: string;
  readonly [fact: string]: string | number | boolean | undefined;
}

/** Every error that leaves a room of this house is one of these. `message` names the thing and what is wrong with it. */
export class TributaryError extends Error {
  override readonly name = 'TributaryError';
  readonly code: ErrorCode;
  readonly context: ErrorContext;

  constructor(code: ErrorCode, message: string, context: ErrorContext = {}, options: { cause?: unknown } = {}) {
    super(message, options);
    this.code = code;
    this.context = context;
  }

  get retryable(): boolean {
    return ERRORS[this.code].retryable;
  }
}

/** Survives realms (Jest, the workflow sandbox), where `instanceof` does not. */
export function isTributaryError(error: unknown): error is TributaryError {
  return error instanceof Error && error.name === 'TributaryError' && 'code' in error;
}

/** Whether `value` is one of our codes: for codes that come back as the `type` of a Temporal failure. */
export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === 'string' && Object.hasOwn(ERRORS, value);
}
