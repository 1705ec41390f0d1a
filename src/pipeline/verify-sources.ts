/**
 * Compares what a source prefix holds now with what was merged of it. Both are walked once, side by side, in the order of keys: memory
 * does not grow with their number.
 */
import type { MergeSpec } from '../contracts/merge.ts';
import type { PlanRow } from '../contracts/plan.ts';
import type { FailureRecord } from '../contracts/records.ts';
import { FINDING_MARKS, type Finding } from '../contracts/report.ts';
import { compareKeys } from '../core/keys.ts';
import { isControlKey } from '../core/names.ts';
import { listAll } from '../stores/list-all.ts';
import type { ListedObject, ObjectStore } from '../stores/object-store.ts';

export interface SourcesOptions {
  readonly store: ObjectStore;
  readonly source: MergeSpec['source'];
  /** What the run was to merge, ascending by key. */
  readonly planned: AsyncGenerator<PlanRow>;
  /** What was not merged, or in part only, after every retry; by URI. */
  readonly failures: ReadonlyMap<string, FailureRecord>;
  /** The versions that retries took, by key. */
  readonly retried: ReadonlyMap<string, PlanRow>;
  /** Whether the run would take an object, if it were planned now. */
  readonly isSource: (object: ListedObject) => Promise<boolean>;
  readonly signal: AbortSignal;
  /** Called with how many sources were looked at. */
  readonly onProgress: (sources: number) => void;
}

/** Yields a finding for each source that is not merged as it is now. */
export async function* verifySources(options: SourcesOptions): AsyncGenerator<Finding> {
  const { planned, store, source: { bucket, prefix }, signal } = options;
  const listed = withoutControl(listAll(store, { bucket, prefix }, { signal }));
  let [row, object] = await Promise.all([planned.next(), listed.next()]);
  for (let sources = 0; row.done !== true || object.done !== true; sources += 1) {
    options.onProgress(sources + 1);
    const order = row.done === true ? 1 : object.done === true ? -1 : compareKeys(row.value[0], object.value.key);
    const finding = await findingOf(options, order > 0 ? null : row.value as PlanRow, order < 0 ? null : object.value as ListedObject);
    if (finding) yield finding;
    if (order <= 0) row = await planned.next();
    if (order >= 0) object = await listed.next();
  }
}

async function* withoutControl(objects: AsyncGenerator<ListedObject>): AsyncGenerator<ListedObject> {
  for await (const object of objects) if (!isControlKey(object.key)) yield object;
}

const uriOf = ({ source }: SourcesOptions, key: string): string => `s3://${source.bucket}/${key}`;

/** About a key that is in the plan, in the listing, or in both. */
async function findingOf(options: SourcesOptions, row: PlanRow | null, object: ListedObject | null): Promise<Finding | null> {
  if (row && object) return changedFinding(options, row, object);
  if (row) return goneFinding(options, row);
  return object && await options.isSource(object) ? newFinding(options, object) : null;
}

function goneFinding(options: SourcesOptions, [key]: PlanRow): Finding | null {
  const uri = uriOf(options, key);
  // A source of which nothing was merged, and that is gone, is on neither side.
  return options.failures.get(uri)?.keep === 0 ? null : { mark: FINDING_MARKS.onlyTarget, uri, what: 'was merged, and is gone: its lines are on the target only' };
}

function newFinding(options: SourcesOptions, { key }: ListedObject): Finding {
  return { mark: FINDING_MARKS.onlySource, uri: uriOf(options, key), what: 'is not merged: it came after the plan' };
}

function changedFinding(options: SourcesOptions, row: PlanRow, { key, etag }: ListedObject): Finding | null {
  const uri = uriOf(options, key);
  const failure = options.failures.get(uri);
  if (failure?.keep === 0) return { mark: FINDING_MARKS.onlySource, uri, what: `is not merged: ${failure.code}` };
  if (failure) return { mark: FINDING_MARKS.differs, uri, what: `is merged up to byte ${failure.keep} only: ${failure.code}` };
  const [, , merged] = options.retried.get(key) ?? row;
  return merged === etag ? null : { mark: FINDING_MARKS.differs, uri, what: `was overwritten after it was merged: its ETag is ${etag}, and was ${merged}` };
}
