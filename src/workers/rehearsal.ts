/**
 * The first steps of a run, rehearsed before the worker takes any. The first workflow that a process runs takes 0.13 s for code that is
 * compiled and generated at its first use, in the thread that workflows run in and in the one that talks to the server. Here it is spent while
 * the worker starts.
 *
 * Invariant: nothing of it leaves the process. What the workflow asks for is read and dropped, so no server ever knows of it, and no activity runs.
 */
import { randomFillSync, randomUUID } from 'node:crypto';
import { flushCompileCache } from 'node:module';
import type { Worker as Thread } from 'node:worker_threads';
import { defaultPayloadConverter, TypedSearchAttributes, type Logger } from '@temporalio/common';
import proto, { type coresdk } from '@temporalio/proto';
import { Worker, type CompiledWorkerOptions } from '@temporalio/worker';
import type { WorkflowCreateOptions, WorkflowCreator } from '@temporalio/worker/lib/workflow/interface.js';
import type { WorkflowBundleWithSourceMapAndFilename } from '@temporalio/worker/lib/workflow/workflow-worker-thread/input.js';
import type { ResolvedRun } from '../contracts/activities.ts';
import { DEFAULT_LIMITS } from '../contracts/limits.ts';
import { QUEUES, WORKFLOWS } from '../contracts/names.ts';
import { STEP_LIMITS, watchWorkflows, type StepLimits } from './workflow-watch.ts';

/** A worker that has rehearsed by the time it is made, and whose workflow code is watched over. */
export class RehearsedWorker extends Worker {
  protected static readonly stepLimits: StepLimits = STEP_LIMITS;

  protected static override async createWorkflowCreator(bundle: WorkflowBundleWithSourceMapAndFilename, options: CompiledWorkerOptions, logger: Logger): Promise<WorkflowCreator> {
    const threads: Thread[] = [];
    const note = (thread: Thread): void => { threads.push(thread); };
    process.on('worker', note);
    // Without the SDK's limit for each call; its types know no such value.
    const creating = super.createWorkflowCreator(bundle, { ...options, isolateExecutionTimeoutMs: undefined as unknown as number }, logger);
    // While the thread loads: Node would write it when the process ends, and until then whoever starts beside it compiles the same again.
    flushCompileCache();
    const creator = watchWorkflows(await creating.finally(() => { process.off('worker', note); }), this.stepLimits, () => {
      for (const thread of threads) void thread.terminate();
    });
    try {
      logger.debug('rehearsed the first steps of a run', { asked: await rehearse(creator, options.namespace) });
    } catch (error) {
      // It only takes time away: whether runs can go on is for them to find out.
      logger.warn('the first steps of a run could not be rehearsed', { error });
    }
    return creator;
  }
}

type Job = coresdk.workflow_activation.IWorkflowActivationJob;

const { workflow_activation: { WorkflowActivation }, workflow_completion: { WorkflowActivationCompletion } } = proto.coresdk;
const NAME = 'rehearsal';
const RUN_ID = '00000000-0000-4000-8000-000000000000';
const NO_ATTRIBUTES = { searchAttributes: {}, typedSearchAttributes: new TypedSearchAttributes() };

/** @returns the commands that the workflow would have given the server */
async function rehearse(creator: WorkflowCreator, namespace: string): Promise<string[]> {
  const now = new Date();
  const workflow = await creator.createWorkflow(optionsOf(namespace, now));
  const asked: string[] = [];
  try {
    for (const job of jobs()) {
      const activation = WorkflowActivation.fromObject({ runId: RUN_ID, timestamp: { seconds: Math.floor(now.getTime() / 1000), nanos: 0 }, jobs: [job] });
      // By way of bytes, as it comes from the server and goes back.
      const completion = await workflow.activate(WorkflowActivation.decode(WorkflowActivation.encode(activation).finish()));
      const { failed, successful } = WorkflowActivationCompletion.decode(WorkflowActivationCompletion.encode(WorkflowActivationCompletion.fromObject(completion)).finish());
      if (failed) throw new Error(failed.failure?.message ?? 'the workflow failed');
      asked.push(...(successful?.commands ?? []).map((command) => command.variant ?? ''));
      await workflow.getAndResetSinkCalls();
    }
  } finally {
    await workflow.dispose();
  }
  return asked;
}

/** The run starts, and its input is resolved. */
function jobs(): Job[] {
  const resolved: Pick<ResolvedRun, 'dryRun' | 'limits' | 'searchAttributes' | 'source' | 'target' | 'targetHash'> = {
    dryRun: false, limits: DEFAULT_LIMITS, searchAttributes: true, source: `s3://${NAME}/`, target: `s3://${NAME}/`, targetHash: NAME,
  };
  return [
    { initializeWorkflow: { workflowId: NAME, workflowType: WORKFLOWS.mergeRun } },
    { resolveActivity: { seq: 1, result: { completed: { result: defaultPayloadConverter.toPayload(resolved) } } } },
  ];
}

function optionsOf(namespace: string, now: Date): WorkflowCreateOptions {
  return {
    info: {
      workflowId: NAME, runId: RUN_ID, workflowType: WORKFLOWS.mergeRun, firstExecutionRunId: RUN_ID, originalExecutionRunId: RUN_ID, namespace, taskQueue: QUEUES.control,
      ...NO_ATTRIBUTES, historyLength: 3, historySize: 0, continueAsNewSuggested: false, targetWorkerDeploymentVersionChanged: false,
      startTime: now, runStartTime: now, taskTimeoutMs: 10_000, attempt: 1,
      // The last two cannot go to a thread: it makes its own.
      unsafe: { isReplaying: false, isReplayingHistoryEvents: false, now: Date.now, random: { random: Math.random, uuid4: randomUUID, fillRandom: randomFillSync } },
    },
    randomnessSeed: [0, 0, 0, 0, 0, 0, 0, 1], now: now.getTime(), showStackTraceSources: false, failureExceptionTypeNames: [],
  };
}
