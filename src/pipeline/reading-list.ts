/**
 * What a call reads, in order: the sources of a batch from its cursor on, leaving out the stretches that open uploads hold
 * already, and obeying the failure records there are.
 */
import type { OpenChunk, Position } from '../contracts/cursor.ts';
import type { PlannedBatch } from '../contracts/plan.ts';
import type { FailureRecord } from '../contracts/records.ts';
import { groupOf } from '../core/keys.ts';
import type { MergeSpec } from '../contracts/merge.ts';
import type { PlanReader } from './plan-reader.ts';

/** One stretch of one source. Offsets are decoded bytes where the source is compressed. */
export interface SourceStretch {
  readonly kind: 'stretch';
  readonly group: number;
  readonly row: number;
  readonly key: string;
  readonly sizeBytes: number;
  readonly etag: string;
  /** First byte wanted. */
  readonly from: number;
  /** Byte after the last one wanted, or null for the source's end. Where `ends` is true it is a failure record's `keep`. */
  readonly to: number | null;
  /** Whether the source ends with this stretch, so that a final newline is added where it lacks one. */
  readonly ends: boolean;
  readonly record: FailureRecord | null;
}

/** The reading goes on at an open upload: everything up to `open.at` is acknowledged. */
export interface Jump { readonly kind: 'jump'; readonly open: OpenChunk }

export type ReadingItem = SourceStretch | Jump;

/** Order of positions within a batch. */
export function comparePositions(a: Position, b: Position): number {
  return a.group - b.group || a.row - b.row || a.offset - b.offset;
}

export interface ReadingListOptions {
  readonly spec: Pick<MergeSpec, 'source' | 'groupBy'>;
  readonly batch: PlannedBatch;
  readonly plan: PlanReader;
  readonly from: Position;
  /** Ascending by start; none starts before `from`. */
  readonly open: readonly OpenChunk[];
  /** By plan row. */
  readonly records: ReadonlyMap<number, FailureRecord>;
}

/** Yields every stretch from `from` to the batch's end, in order, and a jump where an open upload starts. */
export async function* readingList(options: ReadingListOptions): AsyncGenerator<ReadingItem> {
  let { from } = options;
  for (const open of options.open) {
    yield* stretches(options, from, open.start);
    yield { kind: 'jump', open };
    from = open.at;
  }
  yield* stretches(options, from, null);
}

async function* stretches(options: ReadingListOptions, from: Position, until: Position | null): AsyncGenerator<SourceStretch> {
  const { spec, batch, plan, records } = options;
  for (let group = from.group; group < batch.groups.length; group += 1) {
    const planned = batch.groups[group];
    if (!planned || (until && group > until.group)) return;
    const firstRow = group === from.group ? from.row : 0;
    for (const [rangeFrom, rangeTo] of planned.ranges) {
      for await (const { row, source: [key, sizeBytes, etag] } of plan.rows(Math.max(rangeFrom, firstRow), rangeTo)) {
        if (groupOf(key.slice(spec.source.prefix.length), spec.groupBy) !== planned.dir) continue;
        const record = records.get(row) ?? null;
        const startOffset = group === from.group && row === from.row ? from.offset : 0;
        const base = { kind: 'stretch', group, row, key, sizeBytes, etag, from: startOffset, record } as const;
        if (until && comparePositions({ group, row, offset: 0 }, until) >= 0 && !(row === until.row && until.offset > 0)) return;
        if (until && group === until.group && row === until.row) {
          if (until.offset > startOffset) yield { ...base, to: until.offset, ends: false };
          return;
        }
        yield { ...base, to: record ? record.keep : null, ends: true };
      }
    }
  }
}
