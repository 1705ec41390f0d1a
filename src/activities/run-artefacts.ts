/**
 * The artefacts of runs as this worker has them: specs, sealed plans and batch files, each believed only with its hash. Plans are shared by
 * calls, so an abort ends a call's waiting and not the reading.
 */
import type { RunRef } from '../contracts/activities.ts';
import { TributaryError } from '../contracts/errors.ts';
import type { Encryption, MergeSpec } from '../contracts/merge.ts';
import { plannedBatch, sealedPlan, type BatchFileRef, type PlannedBatch, type SealedPlan } from '../contracts/plan.ts';
import { controlPrefix } from '../core/names.ts';
import { orAborted } from '../core/or-aborted.ts';
import { PlanReader, type PlanPages } from '../pipeline/plan-reader.ts';
import { contentHash, getArtefact } from '../stores/artefacts.ts';
import type { StoreRegistry, StoreSession } from '../stores/registry.ts';
import type { RunShares } from './run-shares.ts';

/** Runs whose artefacts are kept at once. */
const RUNS_KEPT = 8;

export interface OpenedPlan { readonly plan: SealedPlan; readonly reader: PlanReader }

/** The text of a spec, as it is hashed and written. */
export function specText(spec: MergeSpec): string {
  return `${JSON.stringify(spec)}\n`;
}

/** `s3://bucket/…/_tributary/runs/<stamp>/` that holds the plan of a run. */
export function planPrefix(spec: MergeSpec, run: RunRef): string {
  return controlPrefix(spec.target.prefix, run.planStamp);
}

export class RunArtefacts {
  readonly #stores: StoreRegistry;
  readonly #shares: RunShares;
  readonly #specs = new Map<string, MergeSpec>();
  /** By run and plan. */
  readonly #plans = new Map<string, Promise<OpenedPlan>>();
  readonly #pages: PlanPages = new Map();

  constructor(stores: StoreRegistry, shares: RunShares) {
    this.#stores = stores;
    this.#shares = shares;
  }

  /** A session on the store of a run's target, its control data included. What is written by it is encrypted as the run says. */
  targetSession(run: RunRef): StoreSession {
    return this.#session(run, run.control.store, run.control.encryption);
  }

  /** A session on the store that a run reads from. */
  sourceSession(run: RunRef, { source }: MergeSpec): StoreSession {
    return this.#session(run, source.store);
  }

  /** Within the limits of the run; retries as long as it takes. */
  #session(run: RunRef, store: string, encryption?: Encryption): StoreSession {
    return this.#stores.session(store, { allowance: this.#shares.allowanceOf(run.id), patience: 'forever', encryption });
  }

  /** @throws TRB-PLAN-LOST */
  async spec(run: RunRef, signal: AbortSignal): Promise<MergeSpec> {
    const spec = this.#specs.get(run.specHash) ?? await this.#readSpec(run, signal);
    this.#shares.begin(run.id, spec.limits);
    return spec;
  }

  async #readSpec(run: RunRef, signal: AbortSignal): Promise<MergeSpec> {
    const { bucket, prefix } = run.control;
    const bytes = await getArtefact(this.targetSession(run).store, { bucket, key: `${prefix}spec.json` }, run.specHash, { signal });
    // Its hash says that it is what `resolveSpec` made, so its shape needs no second look.
    const spec = JSON.parse(bytes.toString()) as MergeSpec;
    keep(this.#specs, run.specHash, spec);
    return spec;
  }

  /** @throws TRB-PLAN-LOST; the signal's reason */
  plan(run: RunRef, planHash: string, signal: AbortSignal): Promise<OpenedPlan> {
    return orAborted(this.#shared(run, planHash), signal);
  }

  #shared(run: RunRef, planHash: string): Promise<OpenedPlan> {
    // Another run of the same merge has a plan of the same hash, but artefacts of its own: those of the run before it may be swept.
    const key = `${run.id} ${run.planStamp} ${planHash}`;
    const known = this.#plans.get(key);
    if (known) return known;
    const opening = this.#open(run, planHash);
    keep(this.#plans, key, opening);
    opening.catch(() => this.#plans.delete(key));
    return opening;
  }

  /** The batches of a work page, the largest of each batch file first. @throws TRB-PLAN-LOST; the signal's reason */
  async batches(run: RunRef, planHash: string, page: number, signal: AbortSignal): Promise<readonly PlannedBatch[]> {
    const batches: PlannedBatch[] = [];
    for (const file of await this.#batchFiles(run, planHash, page, signal)) batches.push(...(await this.#lines(run, file, signal)).map(parseBatch));
    return batches;
  }

  /** One of them. Of the others, which a file may hold 500 of, nothing is looked at. @throws TRB-PLAN-LOST; the signal's reason */
  async batch(run: RunRef, planHash: string, page: number, index: number, signal: AbortSignal): Promise<PlannedBatch> {
    let before = 0;
    for (const file of await this.#batchFiles(run, planHash, page, signal)) {
      const line = index < before + file.batches ? (await this.#lines(run, file, signal))[index - before] : undefined;
      if (line !== undefined) return parseBatch(line);
      before += file.batches;
    }
    throw new TributaryError('TRB-PLAN-LOST', `work page ${page} of the plan has no batch ${index}`);
  }

  async #batchFiles(run: RunRef, planHash: string, page: number, signal: AbortSignal): Promise<readonly BatchFileRef[]> {
    const { plan } = await this.plan(run, planHash, signal);
    return plan.batchFiles.slice(...plan.workPages[page] ?? [0, 0]);
  }

  async #lines(run: RunRef, { hash }: BatchFileRef, signal: AbortSignal): Promise<readonly string[]> {
    const bytes = await this.#artefact(run, `batches/${hash}.ndjson`, hash, signal);
    return bytes.toString().split('\n').slice(0, -1);
  }

  async #open(run: RunRef, planHash: string): Promise<OpenedPlan> {
    const plan = sealedPlan.parse(JSON.parse((await this.#artefact(run, `plan/${planHash}.plan.json`, planHash)).toString()));
    return { plan, reader: new PlanReader(plan, (name, hash) => this.#artefact(run, name, hash), this.#pages) };
  }

  async #artefact(run: RunRef, name: string, hash: string, signal: AbortSignal = new AbortController().signal): Promise<Buffer> {
    const spec = await this.spec(run, signal);
    return getArtefact(this.targetSession(run).store, { bucket: run.control.bucket, key: `${planPrefix(spec, run)}${name}` }, hash, { signal });
  }
}

/** Hash of a spec: what `RunRef.specHash` is. */
export function specHash(spec: MergeSpec): string {
  return contentHash(specText(spec));
}

/** The file's hash pins what was written, so the first of a thousand groups speaks for the shape of all. */
function parseBatch(line: string): PlannedBatch {
  const batch = JSON.parse(line) as PlannedBatch;
  plannedBatch.parse({ ...batch, groups: batch.groups.slice(0, 1) });
  return batch;
}

function keep<V>(map: Map<string, V>, key: string, value: V): void {
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > RUNS_KEPT && oldest !== undefined) map.delete(oldest);
}
