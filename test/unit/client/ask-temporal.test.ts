import { describe, expect, it } from '@jest/globals';
import type { Connected } from '../../../src/client/connect.ts';
import { Runs } from '../../../src/client/runs.ts';
import { TemporalAnswers } from '../../../src/client/sweep/ask-temporal.ts';
import { aReport } from './support.ts';

describe('TemporalAnswers', () => {
  it('says how a run has ended by its report: a cancelled one completes as a workflow', async () => {
    const handle = { describe: async () => ({ workflowId: 'a', runId: 'r', status: { name: 'COMPLETED' }, closeTime: new Date(5) }), result: async () => aReport({ status: 'cancelled' }) };
    const client = { workflow: { getHandle: () => handle }, workflowService: { describeNamespace: async () => ({ namespaceInfo: { id: 'n' } }) } };
    const temporal = await TemporalAnswers.open(new Runs({ client, address: 'host:7233', namespace: 'default', lost: () => undefined } as unknown as Connected));
    await expect(temporal.stateOf({ schema: 'tributary.run/1', id: 'a', stamp: 's', namespace: 'default', namespaceId: 'n' }))
      .resolves.toEqual({ lives: false, why: 'the run a has ended (cancelled)', endedMs: 5 });
  });
});
