/**
 * The pure part of PLAN: sources in listing order become groups, and groups become batches.
 *
 * Owns the groups that the listing has not left, and the bundle of small groups that is being filled.
 * - Keys ascend in UTF-8 order, in which everything under a prefix is contiguous. So a group is complete when a key is met that is
 *   not under its directory, and the open groups are always directories of the last key, one inside the other: memory is O(depth).
 * - A listing interleaves a directory with its subdirectories. So a group's rows are ranges, at most 16: where there were more,
 *   those with the smallest gap were joined, and rows of other groups lie inside. Whoever reads a range asks `groupOf` for each row.
 * - A planner that goes on from a cursor gives the same groups as one that never stopped. Batches are cut anew after each `flush`.
 */
import { TributaryError } from '../contracts/errors.ts';
import type { MergeSpec } from '../contracts/merge.ts';
import type { BatchFileRef, PlannedBatch, PlannedGroup, PlanSegment } from '../contracts/plan.ts';
import { compareKeys, extensionOf, groupOf } from './keys.ts';

export const MAX_RANGES = 16;

/** A batch is closed when the next group would take it beyond one of these. A group that is larger is a batch of its own. */
export interface BatchLimits {
  readonly maxObjects: number;
  readonly maxBytes: number;
  readonly maxGroups: number;
}

export const DEFAULT_BATCH_LIMITS: BatchLimits = { maxObjects: 1000, maxBytes: 64 * 2 ** 20, maxGroups: 256 };

export interface PlannerOptions {
  readonly groupBy: MergeSpec['groupBy'];
  /** Extension of all chunks; null: that of each group's first source. */
  readonly extension: string | null;
  /** Whether compressed sources are decoded, so that `a.log.gz` gives `log`. */
  readonly compressionAuto: boolean;
  readonly batch?: BatchLimits;
}

export type PlanCursor = NonNullable<PlanSegment['cursor']>;

export interface Planner {
  /**
   * Adds the next selected source.
   * @param relativeKey key relative to the source prefix; greater than all before
   * @returns its global row number
   */
  add(relativeKey: string, sizeBytes: number): { readonly row: number };
  /** Closes the bundle that is being filled: at the end of a segment, before `takeBatches`. Open groups stay open. */
  flush(): void;
  /** Closes every group and the bundle: at the end of the listing. */
  finish(): void;
  /** The batches closed since the last call, in order of closing. */
  takeBatches(): PlannedBatch[];
  /**
   * What a later planner needs to go on; call it after `flush`.
   * @param lastKey the last key that was listed, selected or not: the listing goes on after it
   */
  cursor(lastKey: string): PlanCursor;
}

export function createPlanner(options: PlannerOptions, resumeFrom?: PlanCursor): Planner {
  const { groupBy, extension, compressionAuto, batch: limits = DEFAULT_BATCH_LIMITS } = options;
  let nextRow = resumeFrom?.nextRow ?? 0;
  /** Outermost first. */
  const open = (resumeFrom?.open ?? []).map(copyGroup);
  let bundle: PlannedBatch = { objects: 0, bytes: 0, groups: [] };
  let closed: PlannedBatch[] = [];

  const flush = (): void => {
    if (bundle.groups.length > 0) closed.push(bundle);
    bundle = { objects: 0, bytes: 0, groups: [] };
  };

  const closeInnermost = (): void => {
    const group = open.pop();
    if (!group) return;
    const fits = bundle.groups.length < limits.maxGroups
      && bundle.objects + group.objects <= limits.maxObjects
      && bundle.bytes + group.bytes <= limits.maxBytes;
    if (!fits) flush();
    bundle.groups.push(group);
    bundle.objects += group.objects;
    bundle.bytes += group.bytes;
  };

  return {
    add(relativeKey, sizeBytes) {
      const dir = groupOf(relativeKey, groupBy);
      while (open.length > 0 && !relativeKey.startsWith(open.at(-1)?.dir ?? '')) closeInnermost();
      let group = open.at(-1);
      if (group?.dir !== dir) {
        group = { dir, objects: 0, bytes: 0, ranges: [], ext: extension ?? extensionOf(relativeKey, compressionAuto) };
        open.push(group);
      }
      const row = nextRow;
      nextRow += 1;
      group.objects += 1;
      group.bytes += sizeBytes;
      addRow(group.ranges, row);
      return { row };
    },
    flush,
    finish() {
      while (open.length > 0) closeInnermost();
      flush();
    },
    takeBatches() {
      const taken = closed;
      closed = [];
      return taken;
    },
    cursor: (lastKey) => ({ lastKey, nextRow, open: open.map(copyGroup) }),
  };
}

function copyGroup(group: PlannedGroup): PlannedGroup {
  return { ...group, ranges: group.ranges.map(([from, to]) => [from, to]) };
}

/** Adds a row after all others, and joins the two nearest ranges where there are too many. */
function addRow(ranges: [number, number][], row: number): void {
  const last = ranges.at(-1);
  if (last?.[1] === row) {
    last[1] = row + 1;
    return;
  }
  ranges.push([row, row + 1]);
  if (ranges.length <= MAX_RANGES) return;
  const gapBefore = (at: number): number => (ranges[at]?.[0] ?? 0) - (ranges[at - 1]?.[1] ?? 0);
  let nearest = 1;
  for (let at = 2; at < ranges.length; at += 1) if (gapBefore(at) < gapBefore(nearest)) nearest = at;
  const [joined] = ranges.splice(nearest, 1);
  const before = ranges[nearest - 1];
  if (joined && before) before[1] = joined[1];
}

/** @throws TRB-LIST-ORDER where `key` does not come after `previousKey` in UTF-8 order */
export function assertAscending(previousKey: string, key: string): void {
  if (compareKeys(previousKey, key) < 0) return;
  const message = `the store listed ${JSON.stringify(key)} after ${JSON.stringify(previousKey)}, which is not the UTF-8 order of keys`;
  throw new TributaryError('TRB-LIST-ORDER', message, { key, previousKey });
}

/**
 * Deals batch files out to work pages: half-open ranges of `batchFiles`, in order, with as many files each as hold `maxBatches`
 * batches together, and at least one.
 */
export function workPages(batchFiles: readonly Pick<BatchFileRef, 'batches'>[], maxBatches = 500): [from: number, to: number][] {
  const pages: [number, number][] = [];
  let batches = 0;
  for (const [at, file] of batchFiles.entries()) {
    batches += file.batches;
    const page = pages.at(-1);
    if (page && batches <= maxBatches) {
      page[1] = at + 1;
    } else {
      pages.push([at, at + 1]);
      batches = file.batches;
    }
  }
  return pages;
}
