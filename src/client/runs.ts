/**
 * The typed client: starts runs and talks to them. Everything that it says to Temporal can also be said with the `temporal`
 * command line; the memo is all that it adds, so that runs can be listed without asking a worker.
 */
import { createHash } from 'node:crypto';
import type { Client, WorkflowHandle, WorkflowStartOptions } from '@temporalio/client';
import { defineSearchAttributeKey } from '@temporalio/common';
import type { VerifyRunInput } from '../contracts/activities.ts';
import type { Limits, LimitsInput } from '../contracts/limits.ts';
import { TributaryError } from '../contracts/errors.ts';
import { formatS3Uri, locationInput } from '../contracts/location.ts';
import type { ApplyInput, MergeInput, RetryInput } from '../contracts/merge.ts';
import { QUEUES, SEARCH_ATTRIBUTES, SIGNALS, UPDATES, WORKFLOWS } from '../contracts/names.ts';
import type { PlanReport, Report, VerifyReport } from '../contracts/report.ts';
import type { Connected } from './connect.ts';
import { isServerAway, isTimeout, toTributaryError, type About } from './failure.ts';
import type { LiveProgress } from './live-progress.ts';
import { hasPollers } from './pollers.ts';
import { newRunId } from './run-id.ts';

/** What a run was started with, kept beside it. */
export interface RunMemo {
  readonly source: string;
  readonly target: string;
  readonly label: string | null;
  /** Id of the run whose failures it retries. */
  readonly retryOf?: string;
  /** Equal for equal inputs. */
  readonly inputHash: string;
}

/** A comparison that is under way. */
export interface Verification {
  readonly id: string;
  /** @throws as `Run.result` */
  result(): Promise<VerifyReport>;
  stop(): Promise<void>;
}

const SUMMARY_BYTES = 200;
const ATTRIBUTE_CHARACTERS = 255;
const UPDATE_TIMEOUT_MS = 10_000;

export class Runs {
  readonly client: Client;
  readonly address: string;
  readonly namespace: string;

  readonly #lost: () => void;

  constructor({ client, address, namespace, lost }: Connected) {
    this.client = client;
    this.address = address;
    this.namespace = namespace;
    this.#lost = lost;
  }

  /** @throws TRB-INVALID-INPUT where the id is taken */
  async merge(input: MergeInput, id?: string): Promise<Run> {
    const source = uriOf(input.source);
    return this.#start(input, { source, target: uriOf(input.target), label: input.label ?? null }, id ?? newRunId(input.dryRun === true ? 'plan' : 'merge', bucketOf(source)));
  }

  /** Runs exactly what `plan` froze. @throws TRB-INVALID-INPUT where the id is taken */
  async apply(plan: PlanReport, input: Omit<ApplyInput, 'apply'>, id?: string): Promise<Run> {
    const memo = { source: plan.source, target: plan.target, label: input.label ?? plan.run.label };
    return this.#start({ ...input, apply: plan.run.id }, memo, id ?? newRunId('merge', bucketOf(plan.source)));
  }

  /** Merges what a run could not. @param places of that run @throws TRB-INVALID-INPUT where the id is taken */
  async retry(input: RetryInput, { source, target }: Pick<RunMemo, 'source' | 'target'>, id?: string): Promise<Run> {
    return this.#start(input, { source, target, label: input.label ?? null, retryOf: input.retryOf }, id ?? newRunId('retry', input.retryOf));
  }

  run(id: string): Run {
    return new Run(this, id);
  }

  /** Begins to compare what a run wrote with what is there. */
  async verify(input: VerifyRunInput): Promise<Verification> {
    const id = newRunId('verify', input.run);
    const guard = async <T>(call: () => Promise<T>): Promise<T> => this.guard({ run: id }, call);
    const handle = await guard(() => this.client.workflow.start<(input: VerifyRunInput) => Promise<VerifyReport>>(WORKFLOWS.verifyRun, {
      taskQueue: QUEUES.control, workflowId: id, args: [input], staticSummary: summary(`verify ${input.run} by ${input.mode}`),
    }));
    return {
      id,
      result: () => guard(() => handle.result()),
      // It only reads: there is nothing to wind up, and no worker has to be there for it.
      stop: async () => { await guard(() => handle.terminate('interrupted')); },
    };
  }

  /** The call's answer, or its error as one of ours. */
  async guard<T>(about: About, call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      if (isServerAway(error)) this.#lost();
      throw toTributaryError(error, { address: this.address, ...about });
    }
  }

  async #start(input: MergeInput | ApplyInput | RetryInput, about: Omit<RunMemo, 'inputHash'>, id: string): Promise<Run> {
    const memo: RunMemo = { ...about, inputHash: hashOfInput(input) };
    const options: WorkflowStartOptions = {
      taskQueue: QUEUES.control, workflowId: id, args: [input], memo: { ...memo },
      // A run is its id: what was done under it stays what it names. A run that failed may be said again.
      workflowIdReusePolicy: 'ALLOW_DUPLICATE_FAILED_ONLY',
      staticSummary: summary(`${'dryRun' in input && input.dryRun === true ? 'plan' : about.retryOf === undefined ? 'merge' : `retry ${about.retryOf}:`} ${about.source} → ${about.target}`),
    };
    await this.guard({ run: id }, async () => {
      try {
        await this.client.workflow.start(WORKFLOWS.mergeRun, { ...options, typedSearchAttributes: attributes(about.target) });
      } catch (error) {
        // A server without our search attributes: the run goes without them.
        if (!/search attribute/i.test(String((error as Error).cause ?? error))) throw error;
        await this.client.workflow.start(WORKFLOWS.mergeRun, options);
      }
    });
    return this.run(id);
  }
}

export class Run {
  readonly id: string;
  readonly #runs: Runs;

  constructor(runs: Runs, id: string) {
    this.#runs = runs;
    this.id = id;
  }

  /** @throws TRB-RUN-NOT-FOUND; TRB-NO-WORKER where nobody serves runs */
  async progress(): Promise<LiveProgress> {
    const { liveProgress } = await import('./live-progress.ts');
    return this.#askWorker(() => liveProgress(this.#runs.client, this.id));
  }

  /** Waits for the end. @throws the error that the run failed with, under its code; TRB-CANCELLED where it was terminated */
  async result(): Promise<Report | PlanReport> {
    return this.#ask(async () => this.handle.result() as Promise<Report | PlanReport>);
  }

  async pause(reason?: string): Promise<void> {
    await this.#ask(() => this.handle.signal(SIGNALS.pause, ...optional(reason)));
  }

  async resume(): Promise<void> {
    await this.#ask(() => this.handle.signal(SIGNALS.resume));
  }

  async cancel(reason?: string): Promise<void> {
    await this.#ask(() => this.handle.signal(SIGNALS.cancel, ...optional(reason)));
  }

  /** @returns all limits as they are then @throws TRB-NO-WORKER where nobody serves runs */
  async setLimits(changes: LimitsInput): Promise<Limits> {
    return this.#askWorker(() => this.#runs.client.withDeadline(Date.now() + UPDATE_TIMEOUT_MS, () =>
      this.handle.executeUpdate<Limits, [LimitsInput]>(UPDATES.setLimits, { args: [changes] })),
    // Unlike a signal an update is no part of the history before a worker takes it.
    '; the new limits may be lost by then: say them again when one does');
  }

  get handle(): WorkflowHandle {
    return this.#runs.client.workflow.getHandle(this.id);
  }

  async #ask<T>(call: () => Promise<T>): Promise<T> {
    return this.#runs.guard({ run: this.id }, call);
  }

  /** For what a worker answers: silence may mean that there is none. @param otherwise what follows from that */
  async #askWorker<T>(call: () => Promise<T>, otherwise = ''): Promise<T> {
    return this.#ask(async () => {
      try {
        return await call();
      } catch (error) {
        if (!isTimeout(error)) throw error;
        const served = await hasPollers(this.#runs, QUEUES.control);
        throw new TributaryError('TRB-NO-WORKER', `${served ? `no worker answered for ${this.id} in time` : `no worker serves the queue ${QUEUES.control} at ${this.#runs.address}`}${otherwise}`, {}, { cause: error });
      }
    });
  }
}

const optional = (reason: string | undefined): string[] => (reason === undefined ? [] : [reason]);

function uriOf(input: MergeInput['source']): string {
  return formatS3Uri(locationInput.parse(input));
}

function bucketOf(uri: string): string {
  return uri.replace(/^s3:\/\//, '').replace(/\/.*$/, '');
}

/** Equal for inputs that say the same, whatever the order of their keys. */
export function hashOfInput(input: MergeInput | ApplyInput | RetryInput): string {
  const sorted = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(sorted);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, item]) => [key, sorted(item)]));
  };
  return createHash('sha256').update(JSON.stringify(sorted(input))).digest('hex');
}

/** The server takes 200 bytes. */
function summary(text: string): string {
  if (Buffer.byteLength(text) <= SUMMARY_BYTES) return text;
  return `${Buffer.from(text).subarray(0, SUMMARY_BYTES - 4).toString('utf8').replace(/\uFFFD$/, '')}…`;
}

function attributes(target: string): NonNullable<WorkflowStartOptions['typedSearchAttributes']> {
  return [
    { key: defineSearchAttributeKey(SEARCH_ATTRIBUTES.job, 'KEYWORD'), value: 'merge' },
    { key: defineSearchAttributeKey(SEARCH_ATTRIBUTES.target, 'KEYWORD'), value: target.slice(0, ATTRIBUTE_CHARACTERS) },
  ];
}
