import { describe, expect, it } from '@jest/globals';
import { ServiceError, WorkflowFailedError, WorkflowUpdateRPCTimeoutOrCancelledError } from '@temporalio/client';
import {
  ActivityFailure, ApplicationFailure, CancelledFailure, ChildWorkflowFailure, RetryState, TerminatedFailure, WorkflowExecutionAlreadyStartedError, WorkflowNotFoundError,
} from '@temporalio/common';
import { isServerAway, isTimeout, toTributaryError } from '../../../src/client/failure.ts';
import { Output } from '../../../src/client/output.ts';
import { printError } from '../../../src/client/print-error.ts';
import { TributaryError } from '../../../src/contracts/errors.ts';
import { readEnvironment } from '../../../src/config/environment.ts';
import { MemorySink } from './support.ts';

const grpc = (code: number, details: string): ServiceError =>
  new ServiceError('failed', { cause: Object.assign(new Error(`${code} ${details}`), { code, details, metadata: {} }) });
const failedWith = (cause: Error): WorkflowFailedError => new WorkflowFailedError('failed', cause, RetryState.NON_RETRYABLE_FAILURE);

describe('toTributaryError', () => {
  it('finds our code in what a run failed with, however deep', () => {
    const ours = ApplicationFailure.create({ type: 'TRB-NO-SUCH-BUCKET', message: 'bucket a does not exist', nonRetryable: true, details: [{ bucket: 'a', httpStatus: 404, nested: {} }, {}] });
    const inActivity = new ActivityFailure('activity', 'resolveSpec', '1', RetryState.NON_RETRYABLE_FAILURE, 'me', ours);
    const inChild = new ChildWorkflowFailure('default', { workflowId: 'c', runId: 'r' }, 'mergePrefix', RetryState.NON_RETRYABLE_FAILURE, inActivity);
    for (const cause of [ours, inActivity, inChild]) {
      expect(toTributaryError(failedWith(cause))).toMatchObject({ code: 'TRB-NO-SUCH-BUCKET', message: 'bucket a does not exist', context: { bucket: 'a', httpStatus: 404 } });
    }
    expect(toTributaryError(failedWith(ours)).context).not.toHaveProperty('nested');
  });

  it('calls a failure without our code a defect, and a run that was ended from outside cancelled', () => {
    expect(toTributaryError(failedWith(ApplicationFailure.create({ type: 'TypeError', message: 'x is undefined' })))).toMatchObject({ code: 'TRB-INTERNAL', message: 'x is undefined' });
    expect(toTributaryError(failedWith(new TerminatedFailure('enough')), { run: 'a' })).toMatchObject({ code: 'TRB-CANCELLED', message: 'the run a was terminated: enough' });
    expect(toTributaryError(failedWith(new CancelledFailure('x')), { run: 'a' })).toMatchObject({ code: 'TRB-CANCELLED', message: 'the run a was cancelled' });
  });

  it('says what Temporal says in our words', () => {
    const about = { run: 'a', address: 'host:7233', state: '/state' };
    const cases: [unknown, string, string][] = [
      [new WorkflowNotFoundError('workflow not found', 'a', undefined), 'TRB-RUN-NOT-FOUND', 'there is no run a on host:7233'],
      [new WorkflowNotFoundError('workflow execution already completed', 'a', undefined), 'TRB-RUN-ENDED', 'the run a has ended already'],
      [new WorkflowExecutionAlreadyStartedError('x', 'a', 'mergeRun'), 'TRB-INVALID-INPUT', 'there is a run with the id a already; `tributary status a` shows it; or choose another --id'],
      [grpc(14, 'No connection established'), 'TRB-TEMPORAL-UNREACHABLE', 'Temporal at host:7233 does not answer: No connection established'],
      [grpc(12, 'Received HTTP status code 404'), 'TRB-TEMPORAL-UNREACHABLE', 'what answers at host:7233 is no Temporal server (Received HTTP status code 404)'],
      [grpc(12, 'unknown method'), 'TRB-INTERNAL', 'Temporal at host:7233: unknown method'],
      [grpc(7, 'no'), 'TRB-ACCESS-DENIED', 'Temporal at host:7233 refuses us: no'],
      [grpc(16, 'no'), 'TRB-ACCESS-DENIED', 'Temporal at host:7233 refuses us: no'],
      [grpc(3, 'WorkflowId length exceeds limit.'), 'TRB-INVALID-INPUT', 'WorkflowId length exceeds limit.'],
      [new Error('boom'), 'TRB-INTERNAL', 'boom'],
      ['text', 'TRB-INTERNAL', 'text'],
      [Object.assign(new Error('EACCES: permission denied, mkdir \'/state\''), { code: 'EACCES', syscall: 'mkdir' }), 'TRB-INVALID-CONFIG', 'EACCES: permission denied, mkdir \'/state\''],
      [Object.assign(new Error('ENOSPC: no space left on device, mkdir \'/state\''), { code: 'ENOSPC', syscall: 'mkdir', path: '/state' }), 'TRB-DISK-FULL', 'ENOSPC: no space left on device, mkdir \'/state\''],
      [Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC', syscall: 'write' }), 'TRB-DISK-FULL', 'ENOSPC: no space left on device, write; runs are kept in /state'],
    ];
    for (const [error, code, message] of cases) expect(toTributaryError(error, about)).toMatchObject({ code, message });
  });

  it('leaves our own errors alone', () => {
    const error = new TributaryError('TRB-LIST-ORDER', 'x');
    expect(toTributaryError(error)).toBe(error);
  });

  it('tells a server that is away from an answer that is late', () => {
    expect([isServerAway(grpc(14, '')), isServerAway(grpc(4, '')), isServerAway(new Error('x'))]).toEqual([true, false, false]);
    expect([isTimeout(grpc(14, '')), isTimeout(grpc(4, '')), isTimeout(grpc(1, '')), isTimeout(new Error('x'))]).toEqual([false, true, true, false]);
    const late = new WorkflowUpdateRPCTimeoutOrCancelledError('Deadline exceeded', { cause: grpc(4, 'Deadline exceeded').cause as Error });
    expect(isTimeout(late)).toBe(true);
    expect(toTributaryError(late, { address: 'host:7233' })).toMatchObject({ code: 'TRB-TEMPORAL-UNREACHABLE' });
  });
});

describe('printError', () => {
  const print = (error: TributaryError, verbosity: number): { code: number; text: string } => {
    const stderr = new MemorySink();
    const output = new Output({ format: 'json', color: 'auto', verbosity }, { stdout: new MemorySink(), stderr }, readEnvironment({ HOME: '/' }).terminal);
    return { code: printError(error, output), text: stderr.text };
  };

  it('says what is wrong and what to do, without a stack, also when quiet', () => {
    const error = new TributaryError('TRB-TARGET-BUSY', 'the run a is writing to s3://merged/');
    expect(print(error, -1)).toEqual({ code: 8, text: 'error: the run a is writing to s3://merged/\n  TRB-TARGET-BUSY: Wait for the other run, or cancel it; where nobody works on it, `tributary watch` or `tributary resume` goes on with it.\n' });
  });

  it('shows the stack of the origin to those who ask', () => {
    expect(print(new TributaryError('TRB-INTERNAL', 'x', {}, { cause: new Error('origin') }), 1).text).toContain('Error: origin\n    at ');
  });
});
