/** `resolveSpec`: the input as people write it becomes a spec with nothing left open. */
import { createHash } from 'node:crypto';
import type { Client } from '@temporalio/client';
import { WorkflowNotFoundError } from '@temporalio/client';
import type { ControlActivities, ResolvedRun, RunIdentity } from '../contracts/activities.ts';
import { TributaryError } from '../contracts/errors.ts';
import { describeInputIssues } from '../contracts/explain-issues.ts';
import { DEFAULT_LIMITS } from '../contracts/limits.ts';
import { formatS3Uri, parseS3Uri } from '../contracts/location.ts';
import { applyInput, DEFAULT_PART_BYTES, mergeInput, type Filter, type MergeSpec } from '../contracts/merge.ts';
import { SEARCH_ATTRIBUTES } from '../contracts/names.ts';
import { planReportSchema } from '../contracts/report.ts';
import { compileSelection } from '../core/filters.ts';
import { limitsWith } from '../core/limits.ts';
import { controlPrefix } from '../core/names.ts';
import { boundary } from './boundary.ts';
import type { ActivityDeps } from './deps.ts';
import { resolveRetry } from './resolve-retry.ts';
import { specHash, type RunArtefacts } from './run-artefacts.ts';

export function createResolveSpec(deps: ActivityDeps, artefacts: RunArtefacts): ControlActivities['resolveSpec'] {
  return ({ identity, raw }) => boundary(async (signal) => {
    const applied = has(raw, 'apply') ? await resolveApply(deps.temporal, artefacts, identity, raw, signal) : null;
    const spec = applied?.spec ?? (has(raw, 'retryOf') ? await resolveRetry(deps.temporal, artefacts, raw, signal) : resolveMerge(raw, identity.startedMs));
    for (const location of [spec.source, spec.target]) checkStore(deps, location.store);
    const { target: { store, bucket, prefix }, output: { encryption } } = spec;
    const target = formatS3Uri(spec.target);
    const resolved: ResolvedRun = {
      run: {
        ...identity, control: { store, bucket, prefix: controlPrefix(prefix, identity.stamp), ...(encryption && { encryption }) }, specHash: specHash(spec),
        planStamp: applied?.planStamp ?? identity.stamp, ...(spec.retryOf ? { retryStamp: spec.retryOf.stamp } : {}), createOnce: false,
      },
      spec, source: formatS3Uri(spec.source), target, label: spec.label,
      targetHash: createHash('sha256').update(`${store} ${target}`).digest('hex').slice(0, 32),
      limits: spec.limits, onError: spec.onError, verify: spec.verify, dryRun: spec.dryRun,
      planHash: applied?.planHash ?? null, searchAttributes: await knowsSearchAttributes(deps),
      heartbeatTimeoutMs: deps.heartbeatTimeoutMs,
    };
    return resolved;
  }, { failFast: true });
}

function has(raw: unknown, field: string): boolean {
  return typeof raw === 'object' && raw !== null && field in raw;
}

/** @throws TRB-INVALID-INPUT with every issue */
function resolveMerge(raw: unknown, startedMs: number): MergeSpec {
  const parsed = mergeInput.safeParse(raw);
  if (!parsed.success) throw new TributaryError('TRB-INVALID-INPUT', describeInputIssues(parsed.error, mergeInput));
  const input = parsed.data;
  const filters: Filter[] = input.filters
    ? input.filters.map((filter) => ({ glob: filter.include ?? filter.exclude ?? '', include: filter.include !== undefined }))
    : [...(input.include ?? []).map((glob) => ({ glob, include: true })), ...(input.exclude ?? []).map((glob) => ({ glob, include: false }))];
  const spec: MergeSpec = {
    schema: 'tributary.spec/1', job: 'merge', source: input.source, target: input.target, chunk: input.chunk, groupBy: input.groupBy,
    compression: input.compression, extension: input.extension ?? null, filters,
    modifiedAfter: input.modifiedAfter ?? null, modifiedBefore: oldest(input.modifiedBefore, input.minAge, startedMs),
    minBytes: input.minBytes ?? null, maxBytes: input.maxBytes ?? null,
    onError: input.onError, verify: input.verify, partBytes: input.partBytes ?? partBytesFor(input.chunk), output: input.output,
    dryRun: input.dryRun, again: input.again, label: input.label ?? null, limits: limitsWith(input.limits, DEFAULT_LIMITS),
  };
  compileSelection(spec);
  return spec;
}

/** A chunk has at most 10,000 parts: large ones get larger parts. */
function partBytesFor(chunk: MergeSpec['chunk']): number {
  if (!('bytes' in chunk)) return DEFAULT_PART_BYTES;
  const needed = Math.ceil(chunk.bytes / 9000 / 2 ** 20) * 2 ** 20;
  if (needed > 64 * 2 ** 20) throw new TributaryError('TRB-INVALID-INPUT', `chunk.bytes ${chunk.bytes} is more than an object can hold in 10,000 parts of 64MiB`);
  return Math.max(DEFAULT_PART_BYTES, needed);
}

/** `minAge` is a point in time once the run has a start. */
function oldest(modifiedBefore: string | undefined, minAgeMs: number | undefined, startedMs: number): string | null {
  const byAge = minAgeMs === undefined ? null : new Date(startedMs - minAgeMs).toISOString();
  if (modifiedBefore === undefined || byAge === null) return modifiedBefore ?? byAge;
  return modifiedBefore < byAge ? modifiedBefore : byAge;
}

/** The spec of a frozen plan, with what may differ when it is applied. */
async function resolveApply(
  temporal: Client, artefacts: RunArtefacts, identity: RunIdentity, raw: unknown, signal: AbortSignal,
): Promise<{ readonly spec: MergeSpec; readonly planHash: string; readonly planStamp: string }> {
  const parsed = applyInput.safeParse(raw);
  if (!parsed.success) throw new TributaryError('TRB-INVALID-INPUT', describeInputIssues(parsed.error, applyInput));
  const { apply, limits, again, label } = parsed.data;
  const report = planReportSchema.safeParse(await resultOf(temporal, apply));
  if (!report.success) throw new TributaryError('TRB-INVALID-INPUT', `the run ${apply} is no plan; make one with \`tributary plan merge\``, { run: apply });
  const { run: { stamp, planHash }, control, spec: { store, hash } } = report.data;
  const location = parseS3Uri(control);
  if (typeof location === 'string') throw new TributaryError('TRB-INTERNAL', location);
  const planned = await artefacts.spec({ ...identity, control: { store, ...location }, specHash: hash, planStamp: stamp, createOnce: false }, signal);
  const spec: MergeSpec = {
    ...planned, dryRun: false, again: again ?? planned.again, label: label ?? planned.label, limits: limitsWith(limits ?? {}, planned.limits),
  };
  return { spec, planHash, planStamp: stamp };
}

/** @throws TRB-RUN-NOT-FOUND; TRB-INVALID-INPUT where the run has no result */
async function resultOf(temporal: Client, run: string): Promise<unknown> {
  const handle = temporal.workflow.getHandle(run);
  try {
    const { status } = await handle.describe();
    if (status.name !== 'COMPLETED') throw new TributaryError('TRB-INVALID-INPUT', `the run ${run} froze no plan: it is ${status.name.toLowerCase()}`, { run });
    return await handle.result();
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) throw new TributaryError('TRB-RUN-NOT-FOUND', `there is no run ${run}`, { run });
    throw error;
  }
}

function checkStore(deps: ActivityDeps, name: string): void {
  if (deps.stores.names().includes(name)) return;
  throw new TributaryError('TRB-UNKNOWN-STORE', `there is no store "${name}" on the worker; there are ${deps.stores.names().join(', ')}`, { store: name });
}

async function knowsSearchAttributes({ temporal }: ActivityDeps): Promise<boolean> {
  const known = await temporal.connection.operatorService.listSearchAttributes({ namespace: temporal.options.namespace });
  return Object.values(SEARCH_ATTRIBUTES).every((name) => name in known.customAttributes);
}
