/** Workflow code for a test: a parent whose child starts only when the test says so, and writes down what it is told. */
import { condition, defineSignal, setHandler, type ChildWorkflowHandle, type Workflow } from '@temporalio/workflow';
import { DEFAULT_LIMITS } from '../../src/contracts/limits.ts';
import { Control } from '../../src/workflows/control.ts';

export const startedSignal = defineSignal('started');
export const finishedSignal = defineSignal('finished');

/** @returns what the child was told, in order */
export async function controlProbe(): Promise<string[]> {
  const control = new Control(DEFAULT_LIMITS);
  const told: string[] = [];
  let [started, finished] = [false, false];
  setHandler(startedSignal, () => { started = true; });
  setHandler(finishedSignal, () => { finished = true; });
  const child = {
    workflowId: 'child',
    signal: async (message: { readonly name: string }, limits?: { readonly downloads: number | null }) => { told.push(limits ? `${message.name} ${limits.downloads}` : message.name); },
    result: async () => { await condition(() => finished); },
  } as unknown as ChildWorkflowHandle<Workflow>;
  await control.withChild(async () => {
    await condition(() => started);
    return child;
  }, (limits) => ({ ...limits, downloads: (limits.downloads ?? 0) * 2 }));
  return told;
}
