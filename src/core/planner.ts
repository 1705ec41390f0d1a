/**
 * The pure part of PLAN: sources in listing order become groups, and groups become batches.
 *
 * Owns the groups that the listing has not left, and those that it has left since the last `flush`, which then become batches.
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

/** A batch is closed once it holds as much as one of these. A group that alone holds as much is a batch of its own. */
export interface BatchLimits {
  readonly maxObjects: number;
  readonly maxBytes: number;
  readonly maxGroups: number;
}

/**
 * A batch costs a worker some 30 ms, whatever it holds, so there should be few: enough for two workers from the start. Others have running calls
 * share what they have left. So a batch is to be a quarter of a segment, and between these.
 */
const BATCHES_PER_SEGMENT = 4;
const SMALLEST_LIMITS: BatchLimits = { maxObjects: 1000, maxBytes: 64 * 2 ** 20, maxGroups: 256 };
const LARGEST_LIMITS: BatchLimits = { maxObjects: 8000, maxBytes: 256 * 2 ** 20, maxGroups: 1024 };

function limitsFor(groups: readonly PlannedGroup[]): BatchLimits {
  const sum = (of: (group: PlannedGroup) => number): number => groups.reduce((total, group) => total + of(group), 0);
  const total: BatchLimits = { maxObjects: sum(({ objects }) => objects), maxBytes: sum(({ bytes }) => bytes), maxGroups: groups.length };
  const limit = (key: keyof BatchLimits): number => Math.min(Math.max(Math.ceil(total[key] / BATCHES_PER_SEGMENT), SMALLEST_LIMITS[key]), LARGEST_LIMITS[key]);
  return { maxObjects: limit('maxObjects'), maxBytes: limit('maxBytes'), maxGroups: limit('maxGroups') };
}

export interface PlannerOptions {
  readonly groupBy: MergeSpec['groupBy'];
  /** Extension of all chunks; null: that of each group's first source. */
  readonly extension: string | null;
  /** Whether compressed sources are decoded, so that `a.log.gz` gives `log`. */
  readonly compressionAuto: boolean;
  /** Default: by what a segment holds. */
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
  /** Makes batches of the groups that are closed: at the end of a segment, before `takeBatches`. Open groups stay open. */
  flush(): void;
  /** Closes every group, and makes batches of them: at the end of the listing. */
  finish(): void;
  /** The batches made since the last call, in order of their groups' closing. */
  takeBatches(): PlannedBatch[];
  /**
   * What a later planner needs to go on; call it after `flush`.
   * @param lastKey the last key that was listed, selected or not: the listing goes on after it
   */
  cursor(lastKey: string): PlanCursor;
}

export function createPlanner(options: PlannerOptions, resumeFrom?: PlanCursor): Planner {
  const { groupBy, extension, compressionAuto } = options;
  let nextRow = resumeFrom?.nextRow ?? 0;
  /** Outermost first. */
  const open = (resumeFrom?.open ?? []).map(copyGroup);
  let closed: PlannedGroup[] = [];
  let batches: PlannedBatch[] = [];

  const flush = (): void => {
    batches.push(...bundle(closed, options.batch ?? limitsFor(closed)));
    closed = [];
  };

  const closeInnermost = (): void => {
    const group = open.pop();
    if (group) closed.push(group);
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
      const taken = batches;
      batches = [];
      return taken;
    },
    cursor: (lastKey) => ({ lastKey, nextRow, open: open.map(copyGroup) }),
  };
}

/** Neighbours together. What a batch holds beyond a limit the next one lacks, so that there are no more of them than the limits ask for. */
function bundle(groups: readonly PlannedGroup[], { maxObjects, maxBytes, maxGroups }: BatchLimits): PlannedBatch[] {
  const batches: PlannedBatch[] = [];
  let room = { objects: maxObjects, bytes: maxBytes };
  let last: PlannedBatch | null = null;
  for (const group of groups) {
    const isLarge = group.objects >= maxObjects || group.bytes >= maxBytes;
    if (!last || isLarge) batches.push(last = { objects: 0, bytes: 0, groups: [] });
    last.groups.push(group);
    last.objects += group.objects;
    last.bytes += group.bytes;
    if (!isLarge && last.objects < room.objects && last.bytes < room.bytes && last.groups.length < maxGroups) continue;
    const left = (max: number, had: number, held: number): number => (isLarge ? max : Math.min(max, max + had - held));
    room = { objects: left(maxObjects, room.objects, last.objects), bytes: left(maxBytes, room.bytes, last.bytes) };
    last = null;
  }
  return batches;
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
