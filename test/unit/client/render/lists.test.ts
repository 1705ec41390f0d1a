import { describe, expect, it } from '@jest/globals';
import { bad, good, note } from '../../../../src/client/doctor/finding.ts';
import { PLAIN } from '../../../../src/client/output.ts';
import { addressesOf, renderDev } from '../../../../src/client/render/dev.ts';
import { renderDoctor } from '../../../../src/client/render/doctor.ts';
import { renderLimits } from '../../../../src/client/render/limits.ts';
import { bytes, count, duration, grouped, percent, several } from '../../../../src/client/render/numbers.ts';
import { renderFailures, renderRuns, renderVerify } from '../../../../src/client/render/runs.ts';
import { columns } from '../../../../src/client/render/table.ts';
import { DEFAULT_LIMITS } from '../../../../src/contracts/limits.ts';

describe('renderRuns', () => {
  it('is a table, newest first as it was given', () => {
    expect(renderRuns([
      { id: 'b', job: 'merge', label: 'nightly', status: 'running', source: 's3://logs/', target: 's3://merged/', started: '2026-11-21T08:30:12.123Z', ended: null },
      { id: 'a', job: 'merge', label: null, status: 'completed_with_failures', source: 's3://x/', target: 's3://y/', started: '2026-11-20T08:30:12Z', ended: '2026-11-20T08:31:12Z' },
    ], PLAIN)).toBe(`
RUN  STATUS                   STARTED               TOOK  SOURCE      TARGET        LABEL
b    running                  2026-11-21 08:30:12Z        s3://logs/  s3://merged/  nightly
a    completed with failures  2026-11-20 08:30:12Z  1m    s3://x/     s3://y/`.trimStart());
  });

  it('says so where there are none', () => {
    expect(renderRuns([], PLAIN)).toBe('no runs yet');
  });
});

describe('renderFailures', () => {
  it('is one line a source, and says from where on a partial one is missing', () => {
    expect(renderFailures([
      { uri: 's3://logs/a', code: 'TRB-SOURCE-GONE', reason: 's3://logs/a is gone', offset: 0, outcome: 'failed' },
      { uri: 's3://logs/b.gz', code: 'TRB-SOURCE-CORRUPT', reason: 'it ends early', offset: 4096, outcome: 'partial' },
    ], PLAIN)).toBe([
      'failed   s3://logs/a     TRB-SOURCE-GONE     is gone',
      'partial  s3://logs/b.gz  TRB-SOURCE-CORRUPT  it ends early (from byte 4,096 on)',
    ].join('\n'));
  });
});

describe('renderVerify', () => {
  it('marks each finding, and ends with the verdict', () => {
    const report = { schema: 'tributary.verify/1', run: 'a', mode: 'content', chunks: 3, omitted: 0 } as const;
    expect(renderVerify({ ...report, differences: [] }, PLAIN)).toBe('no differences in 3 chunks, by content');
    expect(renderVerify({ ...report, differences: [{ mark: '+', uri: 's3://m/a', what: 'it is gone' }, { mark: '*', uri: 's3://m/bb', what: '10 bytes, not 12' }] }, PLAIN)).toBe(
      '+  s3://m/a   it is gone\n*  s3://m/bb  10 bytes, not 12\n2 differences in 3 chunks, by content');
    expect(renderVerify({ ...report, differences: [{ mark: '+', uri: 's3://m/a', what: 'it is gone' }], omitted: 12_345 }, PLAIN)).toBe(
      '+  s3://m/a  it is gone\nand 12,345 more, which are not listed\n12,346 differences in 3 chunks, by content');
  });
});

describe('renderDoctor', () => {
  it('shows the fix under what is wrong, and counts', () => {
    expect(renderDoctor([good('Node', '24.1'), note('write once', 'ignored', 'Be careful.'), bad('workers', 'none', 'Start one.', 'TRB-NO-WORKER')], PLAIN)).toBe(`
ok     Node        24.1
note   write once  ignored
       Be careful.
wrong  workers     none
       Start one.

1 thing to mend first`.trimStart());
    expect(renderDoctor([good('Node', '24.1')], PLAIN)).toContain('a run can start');
  });
});

describe('renderDev', () => {
  it('prints what other programs need, as lines for a shell', () => {
    const addresses = addressesOf({
      temporal: { address: '127.0.0.1:7233', uiUrl: 'http://127.0.0.1:8233' },
      s3: { endpoint: 'http://127.0.0.1:7070', region: 'us-east-1', accessKeyId: 'id', secretAccessKey: 'secret' },
    }, null);
    const text = renderDev(addresses, PLAIN);
    expect(text).toContain('Data      not kept');
    for (const line of [
      'AWS_ENDPOINT_URL_S3=http://127.0.0.1:7070', 'AWS_ACCESS_KEY_ID=id', 'AWS_SECRET_ACCESS_KEY=secret', 'AWS_REGION=us-east-1',
      'TEMPORAL_ADDRESS=127.0.0.1:7233', 'TEMPORAL_NAMESPACE=default',
    ]) expect(text).toContain(`\nexport ${line}\n`);
  });
});

describe('figures', () => {
  it('read well', () => {
    expect(renderLimits({ ...DEFAULT_LIMITS, bytesPerSecond: 2 ** 20 })).toBe('parallel groups  8\ndownloads        off\nuploads          16\nbandwidth        1 MiB/s\nrequests         off');
    expect([several(1, 'retry'), several(2, 'retry'), several(1_000, 'batch'), several(0, 'line')]).toEqual(['1 retry', '2 retries', '1,000 batches', '0 lines']);
    expect([count(0), count(999), count(1_000), count(1_234_567.6), count(-12_345), grouped(1_234.56), grouped(146.18), grouped(0.001)]).toEqual(
      ['0', '999', '1,000', '1,234,568', '-12,345', '1,234.56', '146.18', '0.001']);
    expect([bytes(0), bytes(1536), bytes(5 * 2 ** 30)]).toEqual(['0 B', '1.5 KiB', '5 GiB']);
    expect([duration(0), duration(936), duration(1_500), duration(90_500), duration(3_661_000)]).toEqual(['0ms', '936ms', '1.5s', '1m 30s', '1h 1m']);
    expect([percent(0, 0), percent(1, 3), percent(999, 1000), percent(5, 5)]).toEqual(['100%', '33%', '99%', '100%']);
  });

  it('stand in columns, whatever colours they have', () => {
    expect(columns([['\u001b[31mab\u001b[39m', '1'], ['é', '22'], ['', '']], [1])).toEqual(['\u001b[31mab\u001b[39m   1', 'é   22', '']);
  });
});
