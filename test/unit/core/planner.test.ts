import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { plannedBatch, planSegment, type PlannedBatch, type PlannedGroup } from '../../../src/contracts/plan.ts';
import { compareKeys, extensionOf, groupOf } from '../../../src/core/keys.ts';
import { assertAscending, createPlanner, MAX_RANGES, workPages, type PlanCursor, type PlannerOptions } from '../../../src/core/planner.ts';

interface Source { readonly key: string; readonly sizeBytes: number }

const directory: PlannerOptions = { groupBy: 'directory', extension: null, compressionAuto: true };

/** Plans the sources in segments that end before the given positions. Each segment's cursor goes through JSON, as on S3. */
function plan(sources: readonly Source[], options: PlannerOptions, cuts: readonly number[] = []): PlannedBatch[] {
  const batches: PlannedBatch[] = [];
  let planner = createPlanner(options);
  for (const [at, { key, sizeBytes }] of sources.entries()) {
    if (at > 0 && cuts.includes(at)) {
      planner.flush();
      batches.push(...planner.takeBatches());
      const cursor = planner.cursor(sources[at - 1]?.key ?? '');
      const read = planSegment.shape.cursor.parse(JSON.parse(JSON.stringify(cursor))) as PlanCursor;
      expect(read).toEqual(cursor);
      planner = createPlanner(options, read);
    }
    expect(planner.add(key, sizeBytes)).toEqual({ row: at });
  }
  planner.finish();
  batches.push(...planner.takeBatches());
  expect(planner.takeBatches()).toEqual([]);
  return plannedBatch.array().parse(batches);
}

/** The groups by a plain map, with every row of theirs. */
function naiveGroups(sources: readonly Source[], options: PlannerOptions): Map<string, { objects: number; bytes: number; rows: number[]; ext: string }> {
  const groups = new Map<string, { objects: number; bytes: number; rows: number[]; ext: string }>();
  for (const [row, { key, sizeBytes }] of sources.entries()) {
    const dir = groupOf(key, options.groupBy);
    const group = groups.get(dir) ?? { objects: 0, bytes: 0, rows: [], ext: options.extension ?? extensionOf(key, options.compressionAuto) };
    groups.set(dir, { ...group, objects: group.objects + 1, bytes: group.bytes + sizeBytes, rows: [...group.rows, row] });
  }
  return groups;
}

/** The rows that a reader of the plan takes for a group. */
function rowsOf(group: PlannedGroup, sources: readonly Source[], options: PlannerOptions): number[] {
  return group.ranges.flatMap(([from, to]) => Array.from({ length: to - from }, (_, at) => from + at))
    .filter((row) => groupOf(sources[row]?.key ?? '', options.groupBy) === group.dir);
}

const segment = fc.constantFrom('a', 'a-b', 'b', '', '\ue000', '\u{1f600}', 'dt=2026-01-01', 'ü');
const sourceKey = fc.tuple(fc.array(segment, { maxLength: 4 }), fc.constantFrom('x.log', 'a', 'y.gz', 'z.log.gz', '0', '\u{1f600}.txt', 'a b+ü.log'))
  .map(([dirs, name]) => [...dirs, name].join('/'));
const sourceList = fc.uniqueArray(fc.record({ key: sourceKey, sizeBytes: fc.nat({ max: 500 }) }), { selector: ({ key }) => key, maxLength: 120 })
  .map((list) => list.sort((a, b) => compareKeys(a.key, b.key)));
const anyOptions = fc.record({
  groupBy: fc.oneof(fc.constant('directory' as const), fc.record({ depth: fc.nat({ max: 4 }) })),
  extension: fc.constantFrom(null, 'ndjson'),
  compressionAuto: fc.boolean(),
  batch: fc.record({ maxObjects: fc.integer({ min: 1, max: 20 }), maxBytes: fc.integer({ min: 0, max: 2000 }), maxGroups: fc.integer({ min: 1, max: 6 }) }),
});

describe('the planner', () => {
  it('puts every source into exactly one group and every group into exactly one batch, wherever segments end', () => {
    fc.assert(fc.property(sourceList, anyOptions, fc.array(fc.nat({ max: 120 }), { maxLength: 8 }), (sources, options, cuts) => {
      const batches = plan(sources, options, cuts);
      const expected = naiveGroups(sources, options);
      const groups = batches.flatMap((batch) => batch.groups);
      expect(new Set(groups.map((group) => group.dir)).size).toBe(groups.length);
      expect(groups.length).toBe(expected.size);
      for (const group of groups) {
        const { objects, bytes, ext } = group;
        expect({ objects, bytes, ext, rows: rowsOf(group, sources, options) }).toEqual(expected.get(group.dir));
        expect(group.ranges.length).toBeLessThanOrEqual(MAX_RANGES);
      }
      for (const batch of batches) {
        expect(batch.objects).toBe(batch.groups.reduce((sum, group) => sum + group.objects, 0));
        expect(batch.bytes).toBe(batch.groups.reduce((sum, group) => sum + group.bytes, 0));
        const { maxObjects, maxBytes, maxGroups } = options.batch;
        const last = batch.groups.at(-1) ?? { objects: 0, bytes: 0 };
        const hadRoom = batch.objects - last.objects < maxObjects && batch.bytes - last.bytes < maxBytes && batch.groups.length <= maxGroups;
        expect(hadRoom || batch.groups.length === 1).toBe(true);
        if (last.objects >= maxObjects || last.bytes >= maxBytes) expect(batch.groups.length).toBe(1);
      }
    }), { numRuns: 1000 });
  });

  it('keeps an ancestor open while the listing is in its subdirectories', () => {
    const sources = ['0.log', 'a-b/x.log', 'a/b/1.log', 'a/b/2.log', 'a/c.log', 'a0/x.log', 'z.log'].map((key) => ({ key, sizeBytes: 1 }));
    const groups = plan(sources, directory).flatMap((batch) => batch.groups);
    expect(groups.map(({ dir, ranges }) => [dir, ranges])).toEqual([
      ['a-b/', [[1, 2]]], ['a/b/', [[2, 4]]], ['a/', [[4, 5]]], ['a0/', [[5, 6]]], ['', [[0, 1], [6, 7]]],
    ]);
  });

  it('joins the nearest ranges where a directory is interleaved more often than ranges are kept', () => {
    const sources = Array.from({ length: 40 }, (_, at) => String(at).padStart(2, '0'))
      .flatMap((name) => [`${name}.log`, `${name}/x.log`, ...(name === '20' ? [`${name}/y.log`] : [])])
      .map((key) => ({ key, sizeBytes: 1 }));
    const root = plan(sources, directory).flatMap((batch) => batch.groups).find(({ dir }) => dir === '');
    expect(root?.ranges.length).toBe(MAX_RANGES);
    expect(root?.ranges.some(([from]) => from === 43)).toBe(true);
    expect(root && rowsOf(root, sources, directory)).toHaveLength(40);
  });

  it('bundles neighbours, and gives a large group a batch of its own', () => {
    const batch = { maxObjects: 4, maxBytes: 100, maxGroups: 3 };
    const sources = ['a/1', 'a/2', 'b/1', 'c/1', 'd/1', 'd/2', 'd/3', 'd/4', 'd/5', 'e/1', 'f/1', 'g/1', 'h/1', 'i/1']
      .map((key) => ({ key, sizeBytes: key === 'i/1' ? 1000 : 1 }));
    const dirs = plan(sources, { ...directory, batch }).map(({ groups }) => groups.map(({ dir }) => dir).join(' '));
    expect(dirs).toEqual(['a/ b/ c/', 'd/', 'e/ f/ g/', 'h/', 'i/']);
  });

  it.each([
    { objects: 3_000, groups: 3, batches: 3 }, { objects: 20_000, groups: 20, batches: 4 }, { objects: 48_000, groups: 48, batches: 6 },
    { objects: 1_000, groups: 250, batches: 1 }, { objects: 8_000, groups: 4_000, batches: 4 }, { objects: 50_000, groups: 25_000, batches: 25 },
    { objects: 480_000, groups: 480, batches: 60 },
  ])('makes of $objects small objects in $groups directories $batches batches: four, if they are not too small or too large then', ({ objects, groups, batches }) => {
    const planner = createPlanner(directory);
    for (let at = 0; at < objects; at += 1) planner.add(`${String(Math.floor(at / objects * groups)).padStart(6, '0')}/${at}`, 10);
    planner.finish();
    expect(planner.takeBatches()).toHaveLength(batches);
  });

  it('lets a batch be as large as it takes for four of them', () => {
    const gibibytes = (sizeGib: number): number => plan(Array.from({ length: 64 }, (_, at) => ({ key: `${String(at).padStart(2, '0')}/x`, sizeBytes: sizeGib * 2 ** 24 })), directory).length;
    expect([0.25, 1, 2, 4].map(gibibytes)).toEqual([4, 4, 8, 16]);
  });

  it('plans nothing from nothing', () => {
    expect(plan([], directory)).toEqual([]);
  });
});

describe('assertAscending', () => {
  it('takes UTF-8 order and nothing else', () => {
    assertAscending('', 'a');
    assertAscending('\ue000', '\u{1f600}');
    for (const [previous, key] of [['a', 'a'], ['b', 'a'], ['\u{1f600}', '\ue000']] as const) {
      expect(() => assertAscending(previous, key)).toThrow(expect.objectContaining({ code: 'TRB-LIST-ORDER' }));
    }
  });
});

describe('workPages', () => {
  it.each([
    [[], []],
    [[500, 480, 20], [[0, 1], [1, 3]]],
    [[3, 3, 3, 3], [[0, 4]]],
    [[499, 1, 1], [[0, 2], [2, 3]]],
    [[700, 1], [[0, 1], [1, 2]]],
  ])('of %j are %j', (batches, expected) => {
    expect(workPages(batches.map((count) => ({ batches: count })))).toEqual(expected);
  });
});
