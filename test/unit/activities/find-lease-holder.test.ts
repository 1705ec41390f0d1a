import { describe, expect, it } from '@jest/globals';
import type { Client } from '@temporalio/client';
import { MockActivityEnvironment } from '@temporalio/testing';
import type { ActivityDeps } from '../../../src/activities/deps.ts';
import { createFindLeaseHolder } from '../../../src/activities/find-lease-holder.ts';

/** @returns the holder that is found, and whether the lease was ended, where lease and holder have these statuses */
async function lookAt(lease: string, holder: string): Promise<{ readonly found: string | null; readonly leaseEnded: boolean }> {
  let leaseEnded = false;
  const getHandle = (id: string): unknown => ({
    describe: async () => (id === 'lease' ? { status: { name: lease }, runId: 'lease-run', parentExecution: { workflowId: 'holder', runId: 'holder-run' } } : { status: { name: holder } }),
    terminate: async () => { leaseEnded = true; },
  });
  const temporal = { workflow: { getHandle } } as unknown as Client;
  const found: string | null = await new MockActivityEnvironment({ attempt: 1 }).run(createFindLeaseHolder({ temporal } as ActivityDeps), { leaseId: 'lease' });
  return { found, leaseEnded };
}

describe('the lease on a target', () => {
  it.each([['RUNNING', 'RUNNING'], ['RUNNING', 'PAUSED'], ['PAUSED', 'RUNNING'], ['RUNNING', 'UNKNOWN']])('is held where it is %s and its run %s', async (lease, holder) => {
    expect(await lookAt(lease, holder)).toEqual({ found: 'holder', leaseEnded: false });
  });

  it.each(['COMPLETED', 'FAILED', 'CANCELLED', 'TERMINATED', 'TIMED_OUT'])('is ended where its run is %s', async (holder) => {
    expect(await lookAt('RUNNING', holder)).toEqual({ found: null, leaseEnded: true });
  });

  it('is nobody\'s where it has ended', async () => {
    expect(await lookAt('COMPLETED', 'RUNNING')).toEqual({ found: null, leaseEnded: false });
  });
});
