/** `verifyRun`: compares what a finished run says it wrote with what is there. */
import { ApplicationFailure } from '@temporalio/workflow';
import type { VerifyRunInput } from '../contracts/activities.ts';
import type { VerifyReport } from '../contracts/report.ts';
import { emptyTally } from '../contracts/tally.ts';
import { asFailure } from './failures.ts';
import { callsWith } from './proxies.ts';

export async function verifyRun(input: VerifyRunInput | undefined): Promise<VerifyReport> {
  if (typeof input?.run !== 'string') throw ApplicationFailure.create({ type: 'TRB-INVALID-INPUT', nonRetryable: true, message: 'verifyRun takes {"run": "<id>", "mode": "size" or "content", "sources": true or false}' });
  try {
    return await callsWith().walking.verifyAll({ run: input.run, mode: input.mode === 'content' ? 'content' : 'size', sources: input.sources === true });
  } catch (error) {
    throw asFailure(error, emptyTally());
  }
}
