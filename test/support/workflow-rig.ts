/**
 * The real workflow code on a real Temporal server, with activities that only pretend. At the end of each test the history of every run
 * and of all its children is replayed, and searched for failed workflow tasks: a raw error in workflow code would be retried for ever.
 */
import { afterAll, beforeAll } from '@jest/globals';
import type { Client, WorkflowHandleWithFirstExecutionRunId } from '@temporalio/client';
import { bundleWorkflowCode, DefaultLogger, Runtime, Worker, type WorkflowBundleOption } from '@temporalio/worker';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { ensureTemporalBinary } from '../../src/client/services/ensure-program.ts';
import { PROMPT } from '../../src/client/services/temporal.ts';
import { readEnvironment } from '../../src/config/environment.ts';
import { QUEUES, SEARCH_ATTRIBUTES } from '../../src/contracts/names.ts';
import { findWorkflowBundle } from '../../src/workers/bundle.ts';
import type { mergeRun } from '../../src/workflows/merge-run.ts';
import type { Fakes, FakeInput } from './fake-activities.ts';
import { historiesOf, type Recorded } from './histories.ts';

/** Histories that are replayed of each workflow type in one test: those of a thousand equal children say nothing new. */
const REPLAYED_OF_TYPE = 8;
const SERVE_LIMIT_MS = 90_000;

export class WorkflowRig {
  readonly env: TestWorkflowEnvironment;
  readonly #bundle: WorkflowBundleOption;
  #started: { readonly workflowId: string; readonly runId: string }[] = [];

  constructor(env: TestWorkflowEnvironment, bundle: WorkflowBundleOption) {
    this.env = env;
    this.#bundle = bundle;
  }

  get client(): Client {
    return this.env.client;
  }

  /** Starts a run. Its history and those of its children are looked at when `serve` ends. */
  async start(workflowId: string, input: FakeInput = {}): Promise<WorkflowHandleWithFirstExecutionRunId<typeof mergeRun>> {
    return this.startType('mergeRun', workflowId, [input]) as Promise<WorkflowHandleWithFirstExecutionRunId<typeof mergeRun>>;
  }

  async startType(type: string, workflowId: string, args: unknown[]): Promise<WorkflowHandleWithFirstExecutionRunId> {
    const handle = await this.client.workflow.start(type, { workflowId, taskQueue: QUEUES.control, args });
    this.#started.push({ workflowId, runId: handle.firstExecutionRunId });
    return handle;
  }

  /** A run that came about in another way than by `start`. */
  adopt(workflowId: string, runId: string): void {
    this.#started.push({ workflowId, runId });
  }

  /**
   * Serves both queues with these activities while `body` runs.
   * @returns the histories of all runs that `body` started, and of their children
   */
  async serve(fakes: Fakes, body: () => Promise<void>): Promise<Recorded[]> {
    this.#started = [];
    const common = { connection: this.env.nativeConnection, activities: fakes.activities, maxHeartbeatThrottleInterval: '20ms', shutdownForceTime: '3s' } as const;
    const control = await Worker.create({
      ...common, taskQueue: QUEUES.control, workflowBundle: this.#bundle, stickyQueueScheduleToStartTimeout: '1s',
    });
    const data = await Worker.create({ ...common, taskQueue: QUEUES.data, maxConcurrentActivityTaskExecutions: 600 });
    let recorded: Recorded[] = [];
    try {
      await control.runUntil(data.runUntil(withinLimit(body()).finally(() => { fakes.release(); })));
      recorded = await historiesOf(this.client, this.#started);
      await this.#examine(recorded);
      return recorded;
    } finally {
      // Children too: those that a reset left behind would call the activities of the next test.
      for (const { workflowId } of [...this.#started, ...recorded]) {
        // Most have ended by themselves.
        await this.client.workflow.getHandle(workflowId).terminate('the test has ended').catch(() => undefined);
      }
    }
  }

  async #examine(recorded: readonly Recorded[]): Promise<void> {
    for (const { workflowId, history } of recorded) {
      for (const event of history.events ?? []) {
        const failed = event.workflowTaskFailedEventAttributes;
        const message = failed?.failure?.message ?? '';
        // Others are written down as failures too: a reset, and a command that came too late for what had happened meanwhile.
        if (message !== '' && message !== 'UnhandledCommand' && !failed?.newRunId) throw new Error(`a workflow task of ${workflowId} failed: ${message}\n${failed?.failure?.stackTrace ?? ''}`);
      }
    }
    await replay(recorded, this.#bundle);
  }
}

/** So that a test that waits in vain ends, and its workers with it. */
async function withinLimit(body: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => { reject(new Error(`the test did not end within ${SERVE_LIMIT_MS / 1000} s`)); }, SERVE_LIMIT_MS);
  });
  await Promise.race([body, limit]).finally(() => { clearTimeout(timer); });
}

/** @throws where a history does not fit the code */
async function replay(recorded: readonly Recorded[], bundle: WorkflowBundleOption): Promise<void> {
  const byType = Map.groupBy(recorded, ({ type }) => type);
  const chosen = [...byType.values()].flatMap((all) => all.slice(0, REPLAYED_OF_TYPE));
  for await (const { workflowId, error } of Worker.runReplayHistories({ workflowBundle: bundle }, chosen)) {
    if (error) throw new Error(`the history of ${workflowId} cannot be replayed: ${error.message}`);
  }
}

/** The workflow code as workers load it. */
export function workflowBundle(): Promise<string> {
  return findWorkflowBundle(readEnvironment().paths.cache, new DefaultLogger('WARN'));
}

export interface WorkflowRigOptions {
  /** Of `temporal server start-dev`. */
  readonly serverArgs?: readonly string[];
  /** Path of other workflow code than ours. */
  readonly workflows?: string;
}

/** A rig for all tests of a file. */
export function useWorkflowRig({ serverArgs = [], workflows }: WorkflowRigOptions = {}): () => WorkflowRig {
  let rig: WorkflowRig | undefined;
  beforeAll(async () => {
    // The failures that tests provoke are no news.
    Runtime.install({ logger: new DefaultLogger('ERROR') });
    const attributes = Object.values(SEARCH_ATTRIBUTES).flatMap((name) => ['--search-attribute', `${name}=Keyword`]);
    const env = await TestWorkflowEnvironment.createLocal({
      server: {
        executable: { type: 'existing-path', path: await ensureTemporalBinary() }, extraArgs: [...attributes, ...PROMPT, ...serverArgs], log: { level: 'error', format: 'pretty' },
      },
    });
    rig = new WorkflowRig(env, workflows === undefined ? { codePath: await workflowBundle() } : await bundleWorkflowCode({ workflowsPath: workflows, logger: new DefaultLogger('WARN') }));
  });
  afterAll(async () => { await rig?.env.teardown(); });
  return () => {
    if (!rig) throw new Error('the rig is there once the tests run');
    return rig;
  };
}
