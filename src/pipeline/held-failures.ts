/**
 * The failure records of a run that hold. A call that was thought dead may write one late: after another call has found the source whole, or whole up to a later
 * byte, and merged it. Nothing of that source may be merged again, so of what is in a chunk its row in the chunk index counts: it says under which records the chunk was made.
 */
import type { MergeSpec } from '../contracts/merge.ts';
import type { ChunkRow, FailureRecord } from '../contracts/records.ts';
import { groupOf } from '../core/keys.ts';
import { readEveryFailure } from '../stores/failure-records.ts';
import type { ObjectStore } from '../stores/object-store.ts';
import { chunkIndex } from './chunk-index.ts';
import type { ControlFolder } from './run-records.ts';

/** The records of one plan row that may hold, the one that keeps most first. */
interface Candidates { readonly row: number; records: FailureRecord[] }

/** One record for each source of which the run has not merged all, ascending by plan row. Where the chunk index was swept, every record holds. */
export async function heldFailures(store: ObjectStore, spec: Pick<MergeSpec, 'source' | 'groupBy'>, control: ControlFolder, signal: AbortSignal): Promise<FailureRecord[]> {
  const root = `${control.prefix}failures/`;
  const rows: Candidates[] = [];
  const groupsOfBatch = new Map<string, Map<string, Candidates[]>>();
  for (const { key, record } of await readEveryFailure(store, { bucket: control.bucket, prefix: root }, { signal })) {
    const last = rows.at(-1);
    if (last?.row === record.row) {
      last.records.push(record);
      continue;
    }
    const candidates = { row: record.row, records: [record] };
    rows.push(candidates);
    const group = groupOf(record.uri.slice(`s3://${spec.source.bucket}/${spec.source.prefix}`.length), spec.groupBy);
    const groups = under(groupsOfBatch, key.slice(root.length, key.lastIndexOf('/') + 1), () => new Map<string, Candidates[]>());
    under(groups, group, () => []).push(candidates);
  }
  for (const [batch, groups] of groupsOfBatch) {
    for await (const chunk of chunkIndex(store, control, signal, batch)) dropContradicted(groups.get(chunk.dir) ?? [], chunk);
  }
  return rows.map(({ records }) => records.at(-1)).filter((record) => record !== undefined);
}

/** Leaves of the records of a group those that a chunk does not contradict. Its chunks come in order, so what lies before this one is let go. */
function dropContradicted(group: Candidates[], { start: [startRow], end: [endRow, endOffset], defects }: ChunkRow): void {
  group.splice(0, firstFrom(group, startRow));
  const kept = new Map(defects);
  for (const candidates of group) {
    const { row } = candidates;
    if (row > endRow) return;
    // The source that the chunk ends in is in it up to there; those before it have ended in the chunk.
    if (row === endRow) candidates.records = candidates.records.filter(({ keep }) => keep >= endOffset);
    else if (defects) candidates.records = candidates.records.filter(({ keep }) => keep === kept.get(row));
  }
}

function firstFrom(group: readonly Candidates[], row: number): number {
  const first = group.findIndex((candidates) => candidates.row >= row);
  return first === -1 ? group.length : first;
}

function under<V>(map: Map<string, V>, key: string, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) map.set(key, value = make());
  return value;
}
