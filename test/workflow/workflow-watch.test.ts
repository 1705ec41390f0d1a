/** Workflow code that never comes to an end, in a real worker process on a real server. */
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from '@jest/globals';
import { watchWorkflows } from '../../src/workers/workflow-watch.ts';
import { Programs } from '../support/programs.ts';
import { useWorkflowRig } from '../support/workflow-rig.ts';

const rig = useWorkflowRig();
const programs = new Programs();
afterAll(() => programs.stopAll());

describe('workflow code that does not come to an end', () => {
  it('ends the worker, which names the workflow', async () => {
    const { client, address } = rig().env;
    const worker = programs.start(process.execPath, [fileURLToPath(new URL('../support/endless-main.ts', import.meta.url)), address]);
    const common = { taskQueue: 'endless', workflowExecutionTimeout: '60s' } as const;
    expect(await client.workflow.execute('short', { ...common, workflowId: 'short' })).toBe('done');
    const endless = await client.workflow.start('endless', { ...common, workflowId: 'endless' });
    const { code, stderr } = await worker.ended;
    expect(code).not.toBe(0);
    expect(stderr).toContain('end it with: temporal workflow terminate --workflow-id endless');
    await endless.terminate();
  }, 60_000);

  it('is told from an answer that comes after the process was frozen, and from one in time', async () => {
    let destroyed = 0;
    const creator = watchWorkflows({
      createWorkflow: async () => ({
        activate: async () => {
          // So long that both the limit and the answer are due when the loop goes on.
          const until = performance.now() + 150;
          await new Promise((resolve) => { setTimeout(resolve, 100); while (performance.now() < until); });
          return {};
        },
        getAndResetSinkCalls: async () => [],
        dispose: async () => undefined,
      }),
      destroy: async () => { destroyed += 1; },
    }, { stepMs: 50, graceMs: 1_000 }, () => { throw new Error('it was ended'); });
    const workflow = await creator.createWorkflow({ info: { workflowId: 'run' } } as Parameters<typeof creator.createWorkflow>[0]);
    expect(await workflow.activate({})).toEqual({});
    await creator.destroy();
    expect(destroyed).toBe(1);
  });
});
