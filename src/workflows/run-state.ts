/** What the root knows of its run, for the `progress` query, the UI's details and the search attributes. */
import { condition, setCurrentDetails, setHandler, upsertSearchAttributes } from '@temporalio/workflow';
import { defineSearchAttributeKey, HandlerUnfinishedPolicy } from '@temporalio/common';
import type { ResolvedRun, RunIdentity } from '../contracts/activities.ts';
import type { Limits } from '../contracts/limits.ts';
import { SEARCH_ATTRIBUTES } from '../contracts/names.ts';
import type { PlanTotals } from '../contracts/plan.ts';
import type { Phase, Progress } from '../contracts/progress.ts';
import type { PlanReport, Report } from '../contracts/report.ts';
import type { Tally } from '../contracts/tally.ts';
import { noBatches, type BatchesState } from './batches.ts';
import { Control } from './control.ts';
import { changedLimits } from './limits.ts';
import { progressQuery, setLimitsUpdate } from './messages.ts';
import { endOrphansOfResets } from './orphans.ts';

/** Until the spec is resolved nothing is limited by them. */
const LIMITS_BEFORE_SPEC: Limits = { parallelGroups: 1, downloads: null, uploads: 1, bytesPerSecond: null, requestsPerSecond: null };

export class RunState {
  readonly identity: RunIdentity;
  readonly control: Control;
  readonly orphans = endOrphansOfResets();
  readonly batches: BatchesState = noBatches();
  planTotals: PlanTotals | null = null;
  #run: ResolvedRun | null = null;
  #phase: Phase = 'START';
  #result: Report | PlanReport | null = null;

  /** Registers the handlers. To be made before the first await. */
  constructor(identity: RunIdentity) {
    this.identity = identity;
    this.control = new Control(LIMITS_BEFORE_SPEC);
    this.control.onChanged = () => { this.show(); };
    setHandler(progressQuery, () => this.#progress(), { description: 'Where the run stands.' });
    setHandler(setLimitsUpdate, async (changes) => {
      // What changes are the run's own limits, which the spec says.
      if (!this.#run) await condition(() => this.#run !== null);
      this.control.setLimits(changedLimits(this.control.limits, changes));
      return this.control.limits;
    }, {
      description: 'Change limits: {"downloads": 10, "bytesPerSecond": "50MiB"}; "off" lifts a limit.', validator: (changes) => { changedLimits(this.control.limits, changes); },
      // Whoever asks is told by the server that a run has ended whose spec could not be resolved.
      unfinishedPolicy: HandlerUnfinishedPolicy.ABANDON,
    });
  }

  get tally(): Tally {
    return this.batches.tally;
  }

  resolved(run: ResolvedRun): void {
    this.#run = run;
    this.control.setLimits(run.limits);
    this.#upsert(SEARCH_ATTRIBUTES.job, 'merge');
    this.#upsert(SEARCH_ATTRIBUTES.target, run.target);
  }

  enter(phase: Phase): void {
    this.#phase = phase;
    this.#upsert(SEARCH_ATTRIBUTES.phase, phase);
    this.show();
  }

  planned(totals: PlanTotals): void {
    this.planTotals = totals;
    this.show();
  }

  ended(result: Report | PlanReport): Report | PlanReport {
    this.#result = result;
    this.enter('DONE');
    return result;
  }

  /** Brings the details that the UI and `temporal workflow metadata` show up to date. */
  show(): void {
    const { tally, planTotals } = this;
    const row = (name: string, value: string | number): string => `| ${name} | ${value} |`;
    setCurrentDetails([
      `**${this.#phase}${this.control.state === 'running' ? '' : `, ${this.control.state}`}** ${this.#run ? `merge ${this.#run.source} → ${this.#run.target}` : ''}`, '', '| | |', '|---|---|',
      row('sources planned', `${planTotals?.sources ?? 0} (${planTotals?.sourceBytes ?? 0} bytes)`),
      row('sources done', `${tally.doneObjects} (${tally.doneBytes} bytes)`),
      row('partial, failed', `${tally.partialObjects}, ${tally.failedObjects}`),
      row('lines', tally.lines),
      row('chunks', `${tally.chunks} (${tally.chunkBytes} bytes)`),
      row('batches', `${this.batches.done} of ${planTotals?.batches ?? 0}, ${this.batches.running} running`),
    ].join('\n'));
  }

  #progress(): Progress {
    const { identity, planTotals } = this;
    const run = this.#run;
    return {
      schema: 'tributary.progress/1',
      run: { id: identity.id, stamp: identity.stamp, job: 'merge', label: run?.label ?? null },
      source: run?.source ?? '', target: run?.target ?? '',
      phase: this.#phase, state: this.#phase === 'DONE' ? 'ended' : this.control.state, startedMs: identity.startedMs,
      planned: {
        objects: planTotals?.objects ?? 0, bytes: planTotals?.bytes ?? 0, groups: planTotals?.groups ?? 0,
        sources: planTotals?.sources ?? 0, sourceBytes: planTotals?.sourceBytes ?? 0,
      },
      tally: this.tally,
      batches: { total: planTotals?.batches ?? 0, done: this.batches.done, running: this.batches.running },
      limits: this.control.limits,
      control: run ? `s3://${run.run.control.bucket}/${run.run.control.prefix}` : null,
      result: this.#result,
    };
  }

  /** An attribute that the server does not know would fail the workflow task, so it is only set where the server was asked. */
  #upsert(name: string, value: string): void {
    if (this.#run?.searchAttributes) upsertSearchAttributes([{ key: defineSearchAttributeKey(name, 'KEYWORD'), value }]);
  }
}
