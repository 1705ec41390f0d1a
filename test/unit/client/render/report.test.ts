import { describe, expect, it } from '@jest/globals';
import { COLOURED, PLAIN } from '../../../../src/client/output.ts';
import { renderPlan } from '../../../../src/client/render/plan.ts';
import { renderReport } from '../../../../src/client/render/report.ts';
import { aPlan, aReport } from '../support.ts';

describe('renderReport', () => {
  it('says what was planned, what became of it, and where it is', () => {
    expect(renderReport(aReport(), PLAIN)).toBe(`
completed  merge s3://logs/ → s3://merged/
run merge-logs-20261121-083012-4f2a, 2026-11-21T08:31:42Z

         objects     bytes
planned   20,010   200 MiB  in 48 groups
done      20,000   200 MiB
partial        0       0 B
failed         0       0 B
skipped       10  14.8 KiB  filtered 8, own-output 2

lines     1,234,567, 61.73 a source on average
chunks    96, 200 MiB
requests  LIST 22, GET 20,000, PUT 96; 3 retries
time      1m 30s, 2.21 MiB/s
verified  by size, no differences
target    s3://merged/
control   s3://merged/_tributary/runs/20261121T083012Z-89abcdef/`.trimStart());
  });

  it('names each kind of error with an example, and where the rest is', () => {
    const text = renderReport(aReport({
      status: 'completed_with_failures', partial: { objects: 1, bytes: 10 }, failed: { objects: 2, bytes: 20 },
      errors: [
        { code: 'TRB-SOURCE-DENIED', count: 2, example: { uri: 's3://logs/a.log', reason: 'access denied' } },
        { code: 'TRB-SOURCE-CORRUPT', count: 1, example: { uri: 's3://logs/b.gz', reason: 's3://logs/b.gz ends early' } },
      ],
    }), PLAIN);
    expect(text).toMatch(/^completed with failures {2}merge/);
    expect(text).toContain(`
errors
  TRB-SOURCE-DENIED   2 sources  s3://logs/a.log: access denied
  TRB-SOURCE-CORRUPT  1 source   s3://logs/b.gz ends early
  all of them: tributary failures merge-logs-20261121-083012-4f2a`);
  });

  it('does not call a run verified that was not', () => {
    expect(renderReport(aReport({ verify: { mode: 'none', differences: 0 } }), PLAIN)).toContain('verified  no\n');
    expect(renderReport(aReport({ status: 'cancelled' }), PLAIN)).toContain('verified  not done\n');
    expect(renderReport(aReport({ verify: { mode: 'content', differences: 2 } }), PLAIN)).toContain('verified  by content, 2 differences\n');
  });

  it('ends with what works in a weaker way than it should', () => {
    expect(renderReport(aReport({ notes: ['The store ignores If-None-Match.'] }), PLAIN)).toMatch(/\nnote: The store ignores If-None-Match\.$/);
  });

  it('marks its status where there are colours', () => {
    expect(renderReport(aReport({ status: 'failed' }), COLOURED)).toContain('\u001b[31mfailed\u001b[39m');
  });
});

describe('renderPlan', () => {
  it('says what the run would do, and how to start it', () => {
    expect(renderPlan(aPlan(), PLAIN)).toBe(`
planned  merge s3://logs/ → s3://merged/
run plan-logs-20261121-083012-4f2a, plan 0123456789abcdef

objects   2,010, 1 MiB
skipped   10, 1 KiB: filtered 10
groups    13 in 1 batch
requests  about LIST 3, GET 2,000, PUT 13
cost      under $0.01
control   s3://merged/_tributary/runs/20261121T083012Z-89abcdef/
list prices of S3 Standard

Nothing was merged yet. Run exactly this plan with tributary apply plan-logs-20261121-083012-4f2a`.trimStart());
  });

  it.each([[0, 'under $0.01'], [0.0099, 'under $0.01'], [0.01, 'about $0.01'], [0.116, 'about $0.12'], [1234.5, 'about $1,234.50']])('says of a cost of %d USD %s', (usd, text) => {
    expect(renderPlan(aPlan({ cost: { usd, basis: 'list prices' } }), PLAIN)).toContain(`\ncost      ${text}\n`);
  });
});
