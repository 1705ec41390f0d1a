import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { WriteReportInput } from '../../../src/contracts/activities.ts';
import type { PlanTotals } from '../../../src/contracts/plan.ts';
import { planReportSchema, reportSchema } from '../../../src/contracts/report.ts';
import { emptyTally, type Tally } from '../../../src/contracts/tally.ts';
import { buildReport, estimatePlan, reconciles, skippedBy } from '../../../src/core/report.ts';

const MIB = 2 ** 20;
const stamp = '20260102T030405Z-9abcdef0';
const planned: PlanTotals = {
  objects: 10, bytes: 1000, sources: 8, sourceBytes: 900, groups: 3, batches: 1, listRequests: 1,
  skipped: { filter: { objects: 1, bytes: 60 }, 'folder-marker': { objects: 1, bytes: 40 } },
};
const tallyOf = (changes: Partial<Tally>): Tally => ({ ...emptyTally(), ...changes });
const inputOf = (changes: Partial<WriteReportInput>): WriteReportInput => ({
  run: {
    id: 'r1', stamp, startedMs: Date.UTC(2026, 0, 2, 3, 4, 5), specHash: 's', planStamp: stamp, createOnce: true,
    control: { store: 'default', bucket: 'merged', prefix: `out/_tributary/runs/${stamp}/` },
  },
  source: 's3://logs/', target: 's3://merged/out/', label: null, planHash: 'h', status: 'completed', planned,
  tally: tallyOf({ doneObjects: 8, doneBytes: 900, lines: 100, chunks: 4, chunkBytes: 905 }), verify: { mode: 'size', differences: 0 }, failure: null, ...changes,
});
const facts = { endedMs: Date.UTC(2026, 0, 2, 3, 4, 7, 250), historyBytes: 4096, chunks: null, examples: {}, notes: [] };

describe('buildReport', () => {
  it('reports a run that did all of its plan', () => {
    const report = buildReport(inputOf({}), facts);
    expect(reportSchema.parse(report)).toEqual(report);
    expect(report).toMatchObject({
      status: 'completed', time: { started: '2026-01-02T03:04:05.000Z', ended: '2026-01-02T03:04:07.250Z', seconds: 2.25 },
      planned: { objects: 10, bytes: 1000, groups: 3 }, done: { objects: 8, bytes: 900 },
      skipped: { objects: 2, bytes: 100, reasons: { filter: 1, 'folder-marker': 1 } },
      averageLinesPerObject: 12.5, control: `s3://merged/out/_tributary/runs/${stamp}/`,
    });
    expect(report.notes).toBeUndefined();
  });

  it('notes where chunks of earlier merges were left out of another target, which may be the only copy of what they hold', () => {
    const withChunks = { ...planned, skipped: { 'own-output': { objects: 2, bytes: 100 } } };
    expect(buildReport(inputOf({ planned: withChunks }), facts).notes).toEqual([expect.stringMatching(/^2 of the skipped objects are chunks .* s3:\/\/logs\/ too .* only copy/)]);
    expect(buildReport(inputOf({ planned: withChunks, target: 's3://logs/' }), facts).notes).toBeUndefined();
    expect(buildReport(inputOf({ planned: withChunks, target: 's3://logs/merged/' }), facts).notes).toBeUndefined();
  });

  it('says which sources failed, the most frequent code first', () => {
    const tally = tallyOf({
      doneObjects: 4, doneBytes: 500, partialObjects: 1, partialBytes: 100, failedObjects: 3, failedBytes: 300, lines: 7,
      errors: { 'TRB-SOURCE-GONE': 1, 'TRB-SOURCE-DENIED': 2, 'TRB-SOURCE-CORRUPT': 1 },
    });
    const report = buildReport(inputOf({ tally }), { ...facts, examples: { 'TRB-SOURCE-DENIED': { key: 'a/x.log' } } });
    expect(report).toMatchObject({
      status: 'completed_with_failures', averageLinesPerObject: 1.4, partial: { objects: 1, bytes: 100 }, failed: { objects: 3, bytes: 300 },
    });
    expect(report.errors).toEqual([
      { code: 'TRB-SOURCE-DENIED', count: 2, example: { key: 'a/x.log' } },
      { code: 'TRB-SOURCE-CORRUPT', count: 1, example: {} }, { code: 'TRB-SOURCE-GONE', count: 1, example: {} },
    ]);
    expect(reconciles(report)).toEqual([]);
  });

  it('says what ended a run that failed, once', () => {
    const failure = { code: 'TRB-SOURCE-DENIED', facts: { message: 'denied', key: 'a/y.log' } };
    const failed = (tally: Partial<Tally>): unknown => buildReport(inputOf({ status: 'failed', failure, tally: tallyOf(tally) }), facts).errors;
    expect(failed({})).toEqual([{ code: 'TRB-SOURCE-DENIED', count: 1, example: { message: 'denied', key: 'a/y.log' } }]);
    expect(failed({ errors: { 'TRB-SOURCE-DENIED': 1 } })).toEqual([{ code: 'TRB-SOURCE-DENIED', count: 1, example: {} }]);
  });

  it('counts the chunks that are there where the run was stopped, and says where calls could not tell of them', () => {
    const stopped = (count: number): ReturnType<typeof buildReport> => buildReport(inputOf({ status: 'cancelled' }), { ...facts, chunks: { count, bytes: 1000 } });
    expect(stopped(6)).toMatchObject({ chunks: { count: 6, bytes: 1000 }, notes: [expect.stringMatching(/^2 of the chunks were published by calls/)] });
    expect(stopped(4).notes).toBeUndefined();
  });

  it.each([['cancelled', 'cancelled'], ['failed', 'not-reached']] as const)('skips what a %s run did not reach', (status, reason) => {
    const report = buildReport(inputOf({ status, tally: tallyOf({ doneObjects: 3, doneBytes: 100, failedObjects: 1, failedBytes: 50 }) }), facts);
    expect(report.status).toBe(status);
    expect(report.skipped).toEqual({ objects: 6, bytes: 850, reasons: { filter: 1, 'folder-marker': 1, [reason]: 4 } });
    expect(reconciles(report)).toEqual([]);
  });

  it('reports a run that ended before there was a plan', () => {
    const report = buildReport(inputOf({ status: 'failed', planned: null, planHash: null, tally: emptyTally() }), facts);
    expect(report).toMatchObject({ planned: { objects: 0, bytes: 0, groups: 0 }, averageLinesPerObject: 0, skipped: { objects: 0, bytes: 0, reasons: {} } });
    expect(reportSchema.parse(report).notes).toBeUndefined();
  });

  it.each([
    ['lost', 'completed', tallyOf({ doneObjects: 7, doneBytes: 900 }), ['planned 10 objects are not done 7 + partial 0 + skipped 2 + failed 0']],
    ['counted twice', 'cancelled', tallyOf({ doneObjects: 9, doneBytes: 901 }),
      ['planned 10 objects are not done 9 + partial 0 + skipped 2 + failed 0', 'planned 1000 bytes are not done 901 + partial 0 + skipped 100 + failed 0']],
  ] as const)('says so where a source was %s', (_, status, tally, equations) => {
    const report = buildReport(inputOf({ status, tally }), { ...facts, notes: ['First.'] });
    expect(reconciles(report)).toEqual(equations);
    expect(report.notes).toEqual(['First.', ...equations.map((equation) => `The figures do not reconcile: ${equation}.`)]);
    expect(reconciles({ ...report, skipped: { ...report.skipped, reasons: {} } }).at(-1)).toBe('skipped 2 objects are not 0 by reason');
  });

  it('reconciles wherever a run is cancelled', () => {
    const amount = fc.nat({ max: 2 ** 40 });
    fc.assert(fc.property(fc.array(fc.record({ bytes: amount, fate: fc.constantFrom('done', 'partial', 'failed', 'filter', 'ahead') })), (objects) => {
      const sum = (...fates: string[]) => {
        const chosen = objects.filter(({ fate }) => fates.includes(fate));
        return { objects: chosen.length, bytes: chosen.reduce((total, { bytes }) => total + bytes, 0) };
      };
      const all = sum('done', 'partial', 'failed', 'filter', 'ahead');
      const [done, partial, failed] = [sum('done'), sum('partial'), sum('failed')];
      const report = buildReport(inputOf({
        status: 'cancelled', planned: { ...planned, ...all, skipped: { filter: sum('filter') } },
        tally: tallyOf({
          doneObjects: done.objects, doneBytes: done.bytes, partialObjects: partial.objects, partialBytes: partial.bytes,
          failedObjects: failed.objects, failedBytes: failed.bytes,
        }),
      }), facts);
      expect(reconciles(report)).toEqual([]);
      expect(report.skipped.reasons['cancelled'] ?? 0).toBe(sum('ahead').objects);
    }));
  });
});

describe('estimatePlan', () => {
  const totals: PlanTotals = { ...planned, sources: 1_000_000, sourceBytes: 1_000_000 * 100_000, groups: 50, listRequests: 1000 };
  const reportOf = (estimate: ReturnType<typeof estimatePlan>) => planReportSchema.parse({
    schema: 'tributary.plan/1', run: { id: 'r', stamp, job: 'merge', label: null, planHash: 'h' }, source: 's3://a/', target: 's3://b/',
    planned: { objects: 10, bytes: 1000, groups: 3, batches: 1 }, skipped: skippedBy(planned), control: 's3://b/x/', spec: { store: 'default', hash: 'h' }, ...estimate,
  });

  it('comes to 0.44 USD for a million objects of 100 KB', () => {
    const { requests, cost } = reportOf(estimatePlan(totals, { chunk: { lines: 25500 }, partBytes: 16 * MIB, verify: 'size' }));
    expect(requests).toEqual({ list: 1007, get: 1_011_920, head: 0, put: 6010, copy: 0, delete: 0 });
    expect(cost.usd).toBeCloseTo(0.44, 2);
    expect(cost.basis).toContain('us-east-1');
    expect(cost.basis).toContain('one write for each 16 MiB of sources');
  });

  it('counts the parts of large chunks, and the reads of a verification by content', () => {
    const large = { ...totals, sources: 1, sourceBytes: 2 ** 31, groups: 1, listRequests: 1 };
    const inParts = estimatePlan(large, { chunk: { bytes: 128 * MIB }, partBytes: 16 * MIB, verify: 'content' });
    expect(inParts.requests).toEqual({ list: 2, get: 257 + 17 + 256, head: 0, put: 128 + 3 * 16 + 1, copy: 0, delete: 0 });
    const inOne = estimatePlan(large, { chunk: { bytes: 16 * MIB }, partBytes: 16 * MIB, verify: 'none' });
    expect(inOne.requests).toEqual({ list: 1, get: 257, head: 0, put: 129, copy: 0, delete: 0 });
  });
});
