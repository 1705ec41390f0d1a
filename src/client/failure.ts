/** Every error that reaches the command line as one of ours, and how it is shown. */
import {
  isGrpcServiceError, QueryNotRegisteredError, QueryRejectedError, ServiceError, WorkflowFailedError, WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError,
} from '@temporalio/client';
import {
  ApplicationFailure, CancelledFailure, NamespaceNotFoundError, TerminatedFailure, TimeoutFailure, WorkflowExecutionAlreadyStartedError, WorkflowNotFoundError,
} from '@temporalio/common';
import { isErrorCode, isTributaryError, TributaryError, type ErrorContext } from '../contracts/errors.ts';

export interface About {
  /** Run that was asked about. */
  readonly run?: string;
  /** Server that was asked. */
  readonly address?: string;
  /** Directory that this machine's runs are kept in. */
  readonly state?: string;
}

const GRPC = { cancelled: 1, unknown: 2, invalidArgument: 3, deadlineExceeded: 4, notFound: 5, alreadyExists: 6, permissionDenied: 7, unimplemented: 12, unavailable: 14, unauthenticated: 16 } as const;

/** Of this machine's file system: a state or cache directory that cannot be used. */
const DISK_TROUBLES: readonly string[] = ['EACCES', 'EPERM', 'EROFS', 'ENOTDIR'];
const FULL_DISK: readonly string[] = ['ENOSPC', 'EDQUOT'];

/** @returns the error itself where it is one of ours; the error that a run or its server ended with, in our words; else TRB-INTERNAL */
export function toTributaryError(error: unknown, about: About = {}): TributaryError {
  if (isTributaryError(error)) return error;
  const run = about.run ?? 'the run';
  if (error instanceof WorkflowFailedError || error instanceof WorkflowUpdateFailedError) return fromEnded(error.cause, run, error);
  if (error instanceof WorkflowNotFoundError) {
    if (error.message.includes('already completed')) return new TributaryError('TRB-RUN-ENDED', `the run ${run} has ended already`, {}, { cause: error });
    return runNotFound(run, about.address, error);
  }
  if (error instanceof NamespaceNotFoundError) {
    return new TributaryError('TRB-INVALID-CONFIG', `Temporal${about.address === undefined ? '' : ` at ${about.address}`} has no namespace "${error.namespace}"`, {}, { cause: error });
  }
  if (error instanceof WorkflowExecutionAlreadyStartedError) {
    return new TributaryError('TRB-INVALID-INPUT', `there is a run with the id ${error.workflowId} already; \`tributary status ${error.workflowId}\` shows it; or choose another --id`, {}, { cause: error });
  }
  if (error instanceof QueryNotRegisteredError) return new TributaryError('TRB-RUN-NOT-FOUND', `${run} is a workflow, and no run of Tributary`, {}, { cause: error });
  if (error instanceof QueryRejectedError) return new TributaryError('TRB-INTERNAL', `the run ${run} answers no query`, {}, { cause: error });
  const grpc = grpcOf(error);
  if (isGrpcServiceError(grpc)) return fromGrpc(grpc.code, grpc.details, about, error);
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof Error && 'code' in error && 'syscall' in error ? String(error.code) : '';
  const isFull = FULL_DISK.includes(code);
  // A write names no file.
  const place = isFull && about.state !== undefined && !('path' in Object(error)) ? `; runs are kept in ${about.state}` : '';
  return new TributaryError(isFull ? 'TRB-DISK-FULL' : DISK_TROUBLES.includes(code) ? 'TRB-INVALID-CONFIG' : 'TRB-INTERNAL', `${message}${place}`, {}, { cause: error });
}

export function runNotFound(run: string, address: string | undefined, cause?: unknown): TributaryError {
  return new TributaryError('TRB-RUN-NOT-FOUND', `there is no run ${run}${address === undefined ? '' : ` on ${address}`}`, {}, { cause });
}

/** Whether the server cannot be reached at the moment. */
export const isServerAway = (error: unknown): boolean => grpcCode(error) === GRPC.unavailable;

/** Whether the answer did not come in time. A call whose deadline passes while it is cancelled says that instead (seen in 2 of 4 such calls). */
export const isTimeout = (error: unknown): boolean => [GRPC.deadlineExceeded, GRPC.cancelled].some((code) => grpcCode(error) === code);

function grpcCode(error: unknown): number | undefined {
  const grpc = grpcOf(error);
  return isGrpcServiceError(grpc) ? grpc.code : undefined;
}

/** What the server answered, in the wrapping of the SDK: an update has its own. */
function grpcOf(error: unknown): unknown {
  return error instanceof ServiceError || error instanceof WorkflowUpdateRPCTimeoutOrCancelledError ? error.cause : error;
}

/** What a workflow or an update failed with, through the layers of activities and children around it. */
function fromEnded(cause: unknown, run: string, error: Error): TributaryError {
  let innermost = cause;
  while (innermost instanceof Error && !(innermost instanceof ApplicationFailure && isErrorCode(innermost.type)) && innermost.cause instanceof Error) innermost = innermost.cause;
  if (innermost instanceof ApplicationFailure) {
    const [context] = innermost.details ?? [];
    return new TributaryError(isErrorCode(innermost.type) ? innermost.type : 'TRB-INTERNAL', innermost.message, asContext(context), { cause: error });
  }
  if (innermost instanceof TerminatedFailure) {
    return new TributaryError('TRB-CANCELLED', `the run ${run} was terminated${innermost.message === '' ? '' : `: ${innermost.message}`}`, {}, { cause: error });
  }
  if (innermost instanceof CancelledFailure) return new TributaryError('TRB-CANCELLED', `the run ${run} was cancelled`, {}, { cause: error });
  if (innermost instanceof TimeoutFailure) return new TributaryError('TRB-INTERNAL', `the run ${run} ran out of time`, {}, { cause: error });
  return new TributaryError('TRB-INTERNAL', innermost instanceof Error ? innermost.message : error.message, {}, { cause: error });
}

function asContext(value: unknown): ErrorContext {
  if (typeof value !== 'object' || value === null) return {};
  return Object.fromEntries(Object.entries(value).filter(([, fact]) => ['string', 'number', 'boolean'].includes(typeof fact)));
}

function fromGrpc(code: number, details: string, { address = 'Temporal' }: About, cause: unknown): TributaryError {
  switch (code) {
    case GRPC.unavailable:
    case GRPC.deadlineExceeded:
    case GRPC.cancelled:
      return new TributaryError('TRB-TEMPORAL-UNREACHABLE', `Temporal at ${address} does not answer: ${details}`, {}, { cause });
    case GRPC.permissionDenied:
    case GRPC.unauthenticated:
      return new TributaryError('TRB-ACCESS-DENIED', `Temporal at ${address} refuses us: ${details}`, {}, { cause });
    case GRPC.notFound:
      return new TributaryError('TRB-INVALID-CONFIG', `Temporal at ${address}: ${details}`, {}, { cause });
    case GRPC.unimplemented:
    case GRPC.unknown:
      if (!details.startsWith('Received HTTP status code')) break;
      return new TributaryError('TRB-TEMPORAL-UNREACHABLE', `what answers at ${address} is no Temporal server (${details})`, {}, { cause });
    case GRPC.invalidArgument:
      return new TributaryError('TRB-INVALID-INPUT', details, {}, { cause });
  }
  return new TributaryError('TRB-INTERNAL', `Temporal at ${address}: ${details}`, {}, { cause });
}
