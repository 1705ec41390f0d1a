/**
 * What a call reads, in order: the sources of a batch from its cursor on, leaving out the stretches that open uploads hold
 * already, and obeying the failure records there are.
 */
import type { Position } from '../contracts/cursor.ts';
import type { MergeSpec } from '../contracts/merge.ts';
import type { PlannedBatch, PlanRest } from '../contracts/plan.ts';
import type { FailureRecord } from '../contracts/records.ts';
import { NOTHING_ENDED, withSource, type Ended } from '../core/ended.ts';
import { groupOf } from '../core/keys.ts';
import type { NumberedRow, PlanReader } from './plan-reader.ts';
import type { AdoptedChunk } from './uploads.ts';

/** One stretch of one source. Offsets are decoded bytes where the source is compressed. */
export interface SourceStretch {
  readonly kind: 'stretch';
  readonly group: number;
  readonly row: number;
  readonly key: string;
  readonly sizeBytes: number;
  readonly etag: string;
  /** First byte wanted. It may lie behind the last one, where only the source's end is left. */
  readonly from: number;
  /** Byte after the last one wanted, or null for the source's end. Where `ends` is true it is a failure record's `keep`. */
  readonly to: number | null;
  /** Whether the source ends with this stretch, so that a final newline is added where it lacks one. */
  readonly ends: boolean;
  readonly record: FailureRecord | null;
  /** Of a source whose beginning another run has merged. */
  readonly rest: PlanRest | null;
  /** Whether the chunks of its group can be written. Where they cannot, nothing of it is read. */
  readonly isWritable: boolean;
}

/** The reading goes on at an open upload: everything up to its position is acknowledged. */
export interface Jump { readonly kind: 'jump'; readonly adopted: AdoptedChunk }

export type ReadingItem = SourceStretch | Jump;

/** Order of positions within a batch. */
export function comparePositions(a: Position, b: Position): number {
  return a.group - b.group || a.row - b.row || a.offset - b.offset;
}

export interface ReadingOptions {
  readonly spec: Pick<MergeSpec, 'source' | 'groupBy'>;
  readonly batch: PlannedBatch;
  readonly plan: PlanReader;
  /** By plan row. */
  readonly records: ReadonlyMap<number, FailureRecord>;
  readonly isWritable: (group: number) => boolean;
}

export interface ReadingListOptions extends ReadingOptions {
  readonly from: Position;
  /** Groups from this one on are not read. */
  readonly untilGroup: number;
  /** Ascending by start; none starts before `from`. */
  readonly adopted: readonly AdoptedChunk[];
}

/** Yields every stretch from `from` to the last group's end, in order, and a jump where an open upload starts: as many at once as there are without waiting. */
export async function* readingList(options: ReadingListOptions): AsyncGenerator<readonly ReadingItem[]> {
  let { from } = options;
  for (const adopted of options.adopted) {
    yield* stretches(options, from, adopted.open.start);
    yield [{ kind: 'jump', adopted }];
    from = adopted.open.at;
  }
  yield* stretches(options, from, null);
}

/** What ended between two positions of one group, by the plan and the failure records. */
export async function endedBetween(options: ReadingOptions, start: Position, at: Position): Promise<Ended> {
  let ended = NOTHING_ENDED;
  for await (const rows of rowsOf(options, start.group, start.row)) {
    for (const { row, source: [, sizeBytes] } of rows) {
      if (row >= at.row) return ended;
      ended = withSource(ended, sizeBytes, options.records.get(row) ?? null);
    }
  }
  return ended;
}

async function* stretches(options: ReadingListOptions, from: Position, until: Position | null): AsyncGenerator<readonly SourceStretch[]> {
  const lastGroup = until ? until.group : options.untilGroup - 1;
  for (let group = from.group; group <= lastGroup; group += 1) {
    const isWritable = options.isWritable(group);
    for await (const rows of rowsOf(options, group, group === from.group ? from.row : 0)) {
      const found: SourceStretch[] = [];
      for (const { row, source: [key, sizeBytes, etag, , rest] } of rows) {
        const record = options.records.get(row) ?? null;
        const startOffset = Math.max(group === from.group && row === from.row ? from.offset : 0, rest?.from ?? 0);
        const isLast = until?.group === group && row >= until.row;
        const ends = !isLast;
        if (isLast && (row > until.row || until.offset <= startOffset)) break;
        const to = isLast ? until.offset : record ? record.keep : null;
        found.push({ kind: 'stretch', group, row, key, sizeBytes, etag, from: startOffset, to, ends, record, rest: rest ?? null, isWritable });
        if (isLast) break;
      }
      yield found;
      if (until?.group === group && (rows.at(-1)?.row ?? 0) >= until.row) return;
    }
  }
}

/** The rows of a group, ascending, in blocks. Its ranges may have rows of other groups among them. */
async function* rowsOf({ spec, batch, plan }: ReadingOptions, group: number, fromRow: number): AsyncGenerator<readonly NumberedRow[]> {
  const planned = batch.groups[group];
  for (const [rangeFrom, rangeTo] of planned?.ranges ?? []) {
    if (rangeTo <= fromRow) continue;
    for await (const rows of plan.rows(Math.max(rangeFrom, fromRow), rangeTo)) {
      yield rows.filter(({ source: [key] }) => groupOf(key.slice(spec.source.prefix.length), spec.groupBy) === planned?.dir);
    }
  }
}
