/** Workflow code for a test: a parent whose child starts only when the test says so, and a child that writes down what it is told. */
import { condition, defineQuery, defineSignal, setHandler, startChild, workflowInfo } from '@temporalio/workflow';
import { DEFAULT_LIMITS } from '../../src/contracts/limits.ts';
import { Control } from '../../src/workflows/control.ts';
import { cancelSignal, limitsSignal, pauseSignal, resumeSignal } from '../../src/workflows/messages.ts';

export const startedSignal = defineSignal('started');
export const finishedSignal = defineSignal('finished');
export const toldQuery = defineQuery<string[]>('told');

/** The id of its child is its own and `/child`. */
export async function controlProbe(): Promise<string[]> {
  const control = new Control(DEFAULT_LIMITS);
  let started = false;
  setHandler(startedSignal, () => { started = true; });
  return control.withChild(async () => {
    await condition(() => started);
    return startChild(probedChild, { workflowId: `${workflowInfo().workflowId}/child` });
  }, (limits) => ({ ...limits, downloads: (limits.downloads ?? 0) * 2 }));
}

/** @returns what it was told, in order, until it was told to finish */
export async function probedChild(): Promise<string[]> {
  const told: string[] = [];
  let finished = false;
  setHandler(finishedSignal, () => { finished = true; });
  setHandler(toldQuery, () => told);
  for (const signal of [pauseSignal, resumeSignal, cancelSignal]) setHandler(signal, () => { told.push(signal.name); });
  setHandler(limitsSignal, ({ downloads }) => { told.push(`limits ${downloads}`); });
  await condition(() => finished);
  return told;
}
