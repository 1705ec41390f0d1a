/**
 * Watches over the thread that workflow code runs in. The SDK gives each call into that code a thread of its own that would end it after five
 * seconds: 60 to 75 of them in a run of one object, which took an eighth of its time. One timer for each step of a run does as well: workflow code
 * is ours, and never waits. Where it does not come to an end no run of this worker can go on, and the worker fails, which says why.
 */
import type { WorkflowCreator } from '@temporalio/worker/lib/workflow/interface.js';

export interface StepLimits {
  /** How long a step of a run may take: far longer than any does. */
  readonly stepMs: number;
  /** How long is waited then for an answer that is on its way: of a process that was frozen the timers come first. */
  readonly graceMs: number;
}

export const STEP_LIMITS: StepLimits = { stepMs: 30_000, graceMs: 5_000 };

/**
 * The same, but the thread of a step that takes too long is ended. The SDK's worker fails then, with an error that names the workflow.
 * @param end ends the thread, so that what it was asked is rejected
 */
export function watchWorkflows(creator: WorkflowCreator, { stepMs, graceMs }: StepLimits, end: () => void): WorkflowCreator {
  let stuck: string | null = null;
  const within = async <T>(workflowId: string, step: Promise<T>): Promise<T> => {
    const giveUp = (): void => {
      stuck ??= workflowId;
      end();
    };
    let timer = setTimeout(() => { timer = setTimeout(giveUp, graceMs); }, stepMs);
    try {
      return await step;
    } catch (error) {
      // The SDK's own error: on others its worker would not fail.
      if (stuck !== null && error instanceof Error) error.message = `the workflow code of ${stuck} does not come to an end; end it with: temporal workflow terminate --workflow-id ${stuck}`;
      throw error;
    } finally {
      clearTimeout(timer);
    }
  };
  return {
    createWorkflow: async (options) => {
      const { workflowId } = options.info;
      const workflow = await within(workflowId, creator.createWorkflow(options));
      return {
        activate: (activation) => within(workflowId, workflow.activate(activation)),
        getAndResetSinkCalls: () => workflow.getAndResetSinkCalls(),
        dispose: () => workflow.dispose(),
      };
    },
    destroy: async () => {
      // A thread that was ended cannot be asked to end.
      if (stuck === null) await creator.destroy();
    },
  };
}
