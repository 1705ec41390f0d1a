import type { Client } from '@temporalio/client';
import { MockActivityEnvironment } from '@temporalio/testing';
import { expect, it } from '@jest/globals';
import type { ActivityDeps } from '../../../src/activities/deps.ts';
import type { RunArtefacts } from '../../../src/activities/run-artefacts.ts';
import type { VerifyRunInput } from '../../../src/contracts/activities.ts';
import { createVerifyAll } from '../../../src/activities/verify.ts';

it('verifyAll refuses a run that has not ended, and does not wait for its end', async () => {
  const temporal = { workflow: { getHandle: () => ({ describe: async () => ({ status: { name: 'RUNNING' }, memo: {} }) }) } } as unknown as Client;
  const verifyAll = createVerifyAll({ temporal } as ActivityDeps, {} as unknown as RunArtefacts);
  const input: VerifyRunInput = { run: 'open', mode: 'size' };
  await expect(new MockActivityEnvironment({ attempt: 1 }).run(verifyAll, input)).rejects.toMatchObject({ type: 'TRB-RUN-OPEN', nonRetryable: true });
});
