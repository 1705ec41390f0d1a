/**
 * Which runs live, as Temporal knows it. What cannot be asked counts as living.
 *
 * A run that was reset goes on under its stamp, so a run is told by its id and by the last digits of its stamp, which are those of its
 * first execution.
 */
import type { WorkflowExecutionDescription } from '@temporalio/client';
import { WorkflowNotFoundError } from '@temporalio/common';
import { ENDED_STATUSES, MEMO, WORKFLOWS } from '../../contracts/names.ts';
import type { RunRecord } from '../../contracts/records.ts';
import { inputOf, resultStatus } from '../run-list.ts';
import type { Runs } from '../runs.ts';

export type RunState =
  | { readonly lives: true; readonly why: string }
  /** `endedMs`: null where Temporal does not remember it any more. */
  | { readonly lives: false; readonly why: string; readonly endedMs: number | null };

export class TemporalAnswers {
  readonly #runs: Runs;
  readonly #namespaceId: string;

  private constructor(runs: Runs, namespaceId: string) {
    this.#runs = runs;
    this.#namespaceId = namespaceId;
  }

  static async open(runs: Runs): Promise<TemporalAnswers> {
    const { namespaceInfo } = await runs.guard({}, () => runs.client.workflowService.describeNamespace({ namespace: runs.namespace }));
    return new TemporalAnswers(runs, namespaceInfo?.id ?? '');
  }

  /** Whether the run that left this record lives. */
  async stateOf({ id, stamp, namespace, namespaceId }: RunRecord): Promise<RunState> {
    if (namespaceId !== this.#namespaceId || namespaceId === '') return { lives: true, why: `the run ${id} is of a namespace "${namespace}" that was not asked` };
    const found = await this.#describe(id);
    if (!found) return { lives: false, why: `the run ${id} ended so long ago that Temporal does not know it any more`, endedMs: null };
    const { status, closeTime } = found;
    const word = (status.name === 'COMPLETED' ? await this.#runs.guard({ run: id }, () => resultStatus(this.#runs, found)) : status.name.toLowerCase()).replaceAll('_', ' ');
    if (ENDED_STATUSES.has(status.name)) return { lives: false, why: `the run ${id} has ended (${word})`, endedMs: closeTime?.getTime() ?? null };
    // Another run may have been given the same id, after this one had failed.
    const first = found.raw.workflowExecutionInfo?.firstRunId ?? '';
    if (first !== '' && first.slice(-8) !== stamp.slice(-8)) return { lives: false, why: `the run ${id} has ended, and another one has its id now`, endedMs: null };
    return { lives: true, why: `the run ${id} is ${word}` };
  }

  /** Ids and stamps of runs whose control data running ones read: plans that are applied, failures that are retried. */
  async neededByOthers(): Promise<ReadonlySet<string>> {
    return this.#runs.guard({}, async () => {
      const needed = new Set<string>();
      for await (const { workflowId, runId, memo } of this.#runs.client.workflow.list({ query: `WorkflowType = '${WORKFLOWS.mergeRun}' AND ExecutionStatus = 'Running'` })) {
        const run = memo?.[MEMO.run] as { readonly planStamp?: string; readonly retryStamp?: string } | undefined;
        const { apply, retryOf } = await inputOf(this.#runs, { workflowId, runId });
        for (const name of [run?.planStamp, run?.retryStamp, apply, retryOf]) if (name !== undefined) needed.add(name);
      }
      return needed;
    });
  }

  async #describe(id: string): Promise<WorkflowExecutionDescription | null> {
    try {
      return await this.#runs.client.workflow.getHandle(id).describe();
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return null;
      return this.#runs.guard({ run: id }, () => Promise.reject(error as Error));
    }
  }
}
