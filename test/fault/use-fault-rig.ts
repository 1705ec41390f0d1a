import { afterAll, afterEach, beforeAll } from '@jest/globals';
import { startFaultRig, type FaultRig } from '../support/fault-rig.ts';
import { isOfChunk, type LoggedRequest } from '../support/request-log.ts';

/** One rig for all tests of a file; no workers and no faults are left from one test to the next. */
export function useFaultRig(): () => FaultRig {
  let rig: FaultRig | undefined;
  beforeAll(async () => {
    rig = await startFaultRig();
    await rig.buckets.create('logs', 'merged');
  });
  afterEach(async () => {
    rig?.proxy.schedule.clear();
    await rig?.killWorkers();
  });
  afterAll(() => rig?.stop());
  return () => {
    if (!rig) throw new Error('the rig is there once the tests run');
    return rig;
  };
}

/** Requests of one kind about chunks and their uploads. */
export function ofChunks(requests: readonly LoggedRequest[], operation: string): readonly LoggedRequest[] {
  return requests.filter((request) => request.operation === operation && isOfChunk(request));
}
