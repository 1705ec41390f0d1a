/** `tributary retry RUN`: what failed is merged once its cause is mended: nothing twice, nothing lost. */
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { reportSchema, verifyReportSchema, type Report } from '../../src/contracts/report.ts';
import type { FailureLine } from '../../src/client/lines.ts';
import { reconciles } from '../../src/core/report.ts';
import { useRig } from '../support/rig.ts';
import { temporalCli } from '../support/temporal-cli.ts';
import { until } from '../support/until.ts';

const rig = useRig();

beforeAll(async () => { await rig().buckets.create('logs', 'merged'); });

/** Lines that look like noise, so that they take more than one piece when they are compressed. */
const lines = (name: string, count: number): string => Array.from({ length: count }, (_, at) => `${name} ${at} ${Math.imul(at + 7, 0x9e3779b1) >>> 0} ${Math.imul(at + 3, 0x85ebca6b) >>> 0}\n`).join('');

async function run(code: number, ...args: readonly string[]): Promise<Report> {
  const ended = await rig().cli([...args, '-o', 'json']);
  if (ended.code !== code) throw new Error(`${args.join(' ')} ended with ${ended.code}: ${ended.stderr}`);
  const report = reportSchema.parse(JSON.parse(ended.stdout));
  expect(reconciles(report)).toEqual([]);
  expect(report.verify.differences).toBe(0);
  return report;
}

async function failures(id: string): Promise<string[]> {
  const found = JSON.parse((await rig().cli(['failures', id, '-o', 'json'])).stdout) as FailureLine[];
  return found.map(({ uri, outcome, code }) => `${outcome} ${uri} ${code}`);
}

/** Everything under a target, in the order of names: each run's chunks after those of the runs before it. */
async function merged(prefix: string): Promise<string> {
  return [...(await rig().buckets.read('merged', prefix)).values()].join('');
}

const sorted = (text: string): string[] => text.split('\n').sort();
const counted = (text: string): Record<string, number> => Object.fromEntries([...Map.groupBy(text.split('\n'), (line) => line)].map(([line, all]) => [line, all.length]));

describe('a retry', () => {
  it('merges the failed sources as they are now, and a second one only what failed again', async () => {
    const { buckets } = rig();
    const stays = new Map([['twice/a/1.log', 'a1\n'], ['twice/b/1.log', 'b1\n']]);
    await buckets.fill('logs', new Map([...stays, ['twice/a/2.log', 'old\n'], ['twice/b/2.log', 'gone\n'], ['twice/b/3.log.bz2', 'never']].map(([key, text]) => [key!, Buffer.from(text!)])));
    expect((await rig().cli(['plan', 'merge', 's3://logs/twice/', 's3://merged/twice/', '--id', 'twice-plan'])).code).toBe(0);
    await buckets.put('logs', 'twice/a/2.log', 'new\n');
    await buckets.remove('logs', 'twice/b/2.log');
    await run(11, 'apply', 'twice-plan', '--id', 'twice');
    const failed = ['failed s3://logs/twice/a/2.log TRB-SOURCE-CHANGED', 'failed s3://logs/twice/b/2.log TRB-SOURCE-GONE', 'failed s3://logs/twice/b/3.log.bz2 TRB-SOURCE-ENCODING'];
    expect(await failures('twice')).toEqual(failed);
    const text = await rig().cli(['failures', 'twice']);
    expect(text.stdout.trimEnd().split('\n').map((line) => line.split(/ {2,}/).slice(0, 3).join(' '))).toEqual(failed);
    const before = await buckets.read('merged', 'twice/');

    const first = await run(11, 'retry', 'twice', '--id', 'twice-1');
    expect(first).toMatchObject({ source: 's3://logs/twice/', target: 's3://merged/twice/', planned: { objects: 3 }, done: { objects: 1 }, failed: { objects: 2 }, lines: 1, chunks: { count: 1 } });
    expect(await failures('twice-1')).toEqual(failed.slice(1));
    const after = await buckets.read('merged', 'twice/');
    expect([...after].filter(([key]) => before.has(key))).toEqual([...before]);
    expect([...after].filter(([key]) => !before.has(key)).map(([key, bytes]) => [key.replace(/merged-.*-/, ''), String(bytes)])).toEqual([['a/00000000.log', 'new\n']]);

    await buckets.put('logs', 'twice/b/2.log', 'back\n');
    const second = await run(11, 'retry', 'twice', '--id', 'twice-2');
    expect(second).toMatchObject({ planned: { objects: 2 }, done: { objects: 1 }, failed: { objects: 1 } });
    expect(sorted(await merged('twice/'))).toEqual(sorted('a1\nb1\nnew\nback\n'));
    const verified = await rig().cli(['verify', 's3://logs/twice/', 's3://merged/twice/', '--verify', 'content', '-o', 'json']);
    expect(verifyReportSchema.parse(JSON.parse(verified.stdout))).toMatchObject({
      run: 'twice', chunks: 4, sources: 5, differences: [{ mark: '+', uri: 's3://logs/twice/b/3.log.bz2', what: 'is not merged: TRB-SOURCE-ENCODING' }],
    });
    // What is retried may be named by any run of the chain.
    await buckets.remove('logs', 'twice/b/3.log.bz2');
    expect(await run(11, 'retry', 'twice-2')).toMatchObject({ planned: { objects: 1 }, failed: { objects: 1 } });
    expect(await failures('twice-2')).toEqual(failed.slice(2));
  });

  it('merges of a partial source only the rest: of a mended version that begins with the same bytes', async () => {
    const { buckets } = rig();
    const sources = new Map([['a.log', lines('a', 300)], ['b.log.gz', lines('b', 60_000)], ['c.log.zst', lines('c', 60_000)], ['d.log', lines('d', 10)]]);
    const stored = new Map([...sources].map(([key, text]) => [key, key.endsWith('.gz') ? gzipSync(text) : key.endsWith('.zst') ? zstdCompressSync(text) : Buffer.from(text)]));
    await buckets.fill('logs', new Map([...stored].map(([key, bytes]) => [key, /gz|zst/.test(key) ? bytes.subarray(0, bytes.length / 2) : bytes])), 'partial/');
    const report = await run(11, 'merge', 's3://logs/partial/', 's3://merged/partial/', '--lines', '1000', '--id', 'partial');
    expect(report).toMatchObject({ done: { objects: 2 }, partial: { objects: 2 } });

    // Not mended yet, and mended wrongly: nothing of it is merged, and it stays what it was.
    await buckets.put('logs', 'partial/c.log.zst', zstdCompressSync(lines('other', 60_000)));
    const early = await run(11, 'retry', 'partial', '--id', 'partial-early');
    expect(early).toMatchObject({ planned: { objects: 2 }, partial: { objects: 2 }, lines: 0, chunks: { count: 0 } });
    expect(await failures('partial-early')).toEqual(['partial s3://logs/partial/b.log.gz TRB-SOURCE-CORRUPT', 'partial s3://logs/partial/c.log.zst TRB-SOURCE-REST']);

    await buckets.fill('logs', stored, 'partial/');
    const late = await run(0, 'retry', 'partial', '--id', 'partial-late', '--bwlimit', 'off');
    expect(late).toMatchObject({ status: 'completed', planned: { objects: 2 }, done: { objects: 2 } });
    expect(report.lines + late.lines).toBe(120_310);
    expect(sorted(await merged('partial/'))).toEqual(sorted([...sources.values()].join('')));
    expect((await rig().cli(['verify', 's3://logs/partial/', 's3://merged/partial/', '--verify', 'content'])).stdout).toBe('no differences in 121 chunks and 4 sources, by content\n');
    expect(await rig().cli(['retry', 'partial'])).toMatchObject({ code: 2, stderr: expect.stringContaining('was merged by its retry partial-late: there is nothing left to retry') });
  });

  it('starts by the temporal command line, and after a sweep', async () => {
    const { buckets } = rig();
    await buckets.fill('logs', new Map([['cli/a.log', Buffer.from('a\n')], ['cli/b.log.gz', Buffer.from('not gzip')]]));
    await run(11, 'merge', 's3://logs/cli/', 's3://merged/cli/', '--id', 'cli');
    expect((await rig().cli(['sweep', 's3://merged/cli/', '--older-than', '0s', '--yes'])).code).toBe(0);
    await buckets.put('logs', 'cli/b.log.gz', gzipSync('b\n'));
    const temporal = temporalCli(rig());
    await temporal.start('cli-retry', { retryOf: 'cli' });
    expect(await temporal.result('cli-retry')).toMatchObject({ status: 'completed', run: { id: 'cli-retry' }, source: 's3://logs/cli/', planned: { objects: 1 }, done: { objects: 1 } });
    expect(await merged('cli/')).toBe('a\nb\n');
    expect((await rig().cli(['runs'])).stdout).toMatch(/cli-retry +completed .* failures of cli/);
    const refused = await rig().temporalCli(['workflow', 'execute', '--type', 'mergeRun', '--task-queue', 'tributary', '--workflow-id', 'typo', '--input', '{"retryOf":"cli","lable":"x"}']);
    expect(`${refused.stdout}${refused.stderr}`).toContain('did you mean label');
  });
});

describe('a retry is refused', () => {
  it('of a run that is not there, that has not ended (as is its verification), of which nothing failed, and that only planned', async () => {
    const { buckets } = rig();
    await buckets.fill('logs', new Map([['fine/a.log', Buffer.alloc(2 ** 20, 'x\n')]]));
    const refusal = async (id: string): Promise<readonly [number, string]> => {
      const { code, stderr } = await rig().cli(['retry', id]);
      return [code, stderr];
    };
    expect(await refusal('no-such-run')).toEqual([3, expect.stringContaining('no-such-run')]);
    await run(0, 'merge', 's3://logs/fine/', 's3://merged/fine/', '--id', 'fine');
    expect(await refusal('fine')).toEqual([2, expect.stringContaining('no source of the run fine failed: there is nothing to retry')]);
    expect((await rig().cli(['plan', 'merge', 's3://logs/fine/', 's3://merged/planned/', '--id', 'only-planned'])).code).toBe(0);
    expect(await refusal('only-planned')).toEqual([2, expect.stringContaining('the run only-planned merged nothing that could be retried')]);
    const slow = rig().startCli(['merge', 's3://logs/fine/', 's3://merged/slow/', '--id', 'slow', '--bwlimit', '16K']);
    await until(() => rig().cli(['status', 'slow', '-o', 'json']), ({ stdout }) => stdout.includes('"WRITE"'));
    expect(await refusal('slow')).toEqual([5, expect.stringContaining('the run slow has not ended yet')]);
    expect(await rig().cli(['verify', 'slow'])).toMatchObject({ code: 5, stderr: expect.stringContaining('can be verified when it has') });
    expect((await rig().cli(['cancel', 'slow'])).code).toBe(0);
    expect((await slow.ended).code).toBe(12);
  });

  it('where one before it wrote chunks, and did not come to its end', async () => {
    const { buckets, client } = rig();
    await buckets.fill('logs', new Map([['half/a.log', Buffer.from('a\n')], ['half/b.log.gz', Buffer.from('not gzip')], ['half/c/c.log.gz', Buffer.from('not gzip')]]));
    await run(11, 'merge', 's3://logs/half/', 's3://merged/half/', '--id', 'half');
    await buckets.put('logs', 'half/b.log.gz', gzipSync('b\n'));
    await buckets.put('logs', 'half/c/c.log.gz', gzipSync(Buffer.alloc(2 ** 20, 'c\n')));
    await client.workflow.start('mergeRun', { workflowId: 'half-1', taskQueue: 'tributary', args: [{ retryOf: 'half', limits: { requestsPerSecond: 2 } }] });
    const chunks = async (): Promise<readonly string[]> => [...(await buckets.read('merged', 'half/')).keys()];
    await until(chunks, (keys) => keys.length > 1);
    await client.workflow.getHandle('half-1').terminate();
    // Its worker may still write until it has learnt of the end.
    expect(await rig().cli(['retry', 'half'])).toMatchObject({ code: 5, stderr: expect.stringContaining('its workers may not know it yet; say it again in') });
    const again = await until(() => rig().cli(['retry', 'half']), ({ code }) => code !== 5);
    expect(again).toMatchObject({ code: 8, stderr: expect.stringMatching(/the run half was retried before, with stamp (\S+), .* Its chunks are s3:\/\/merged\/half\/…\/merged-\1-…/) });
    expect(await rig().cli(['retry', 'half-1'])).toMatchObject({ code: 2, stderr: expect.stringContaining('retry half instead') });

    // As it says: its chunks and its control data go, and then all is well.
    const [, stamp] = /with stamp ([^,]+),/.exec(again.stderr) ?? [];
    for (const { key } of await buckets.list('merged', 'half/')) if (key.includes(stamp!)) await buckets.remove('merged', key);
    expect(await run(0, 'retry', 'half')).toMatchObject({ done: { objects: 2 } });
    expect(counted(await merged('half/'))).toEqual({ a: 1, b: 1, c: 2 ** 19, '': 1 });
  });
});

describe('the rest of a run that was cancelled', () => {
  const SOURCES = new Map(Array.from({ length: 120 }, (_, at) => [`rest/${String(at).padStart(3, '0')}.log`, Buffer.from(lines(`rest${at}`, 10))]));
  const ALL = [...SOURCES.values()].join('');

  async function cancelled(id: string): Promise<Report> {
    await rig().buckets.fill('logs', SOURCES);
    const merging = rig().startCli(['merge', 's3://logs/rest/', `s3://merged/${id}/`, '--lines', '25', '--id', id, '--tpslimit', '25', '-o', 'json']);
    await until(async () => (await rig().buckets.read('merged', `${id}/`)).size, (chunks) => chunks >= 2);
    expect((await rig().cli(['cancel', id])).code).toBe(0);
    const { code, stdout } = await merging.ended;
    expect(code).toBe(12);
    const report = reportSchema.parse(JSON.parse(stdout));
    expect(report.done.objects).toBeGreaterThan(0);
    expect(report.skipped.objects).toBeGreaterThan(0);
    return report;
  }

  it('is named where the merge is said again, and done by `temporal workflow reset`', async () => {
    const { run: { stamp } } = await cancelled('rest-reset');
    const refused = await rig().cli(['merge', 's3://logs/rest/', 's3://merged/rest-reset/', '--lines', '25']);
    expect(refused).toMatchObject({ code: 8, stderr: expect.stringContaining(
      `s3://merged/rest-reset/ holds merged output of s3://logs/rest/ already, written by the run rest-reset (stamp ${stamp}), which was cancelled; --again merges what that run has merged once more`) });
    expect(refused.stderr).toContain('OPERATIONS.md');
    const retried = await rig().cli(['retry', 'rest-reset']);
    expect(retried).toMatchObject({ code: 2, stderr: expect.stringContaining('no source of the run rest-reset failed; it did not come to its end, and what it did not get to cannot be retried') });
    expect(retried.stderr).not.toContain('Nothing has to be done');

    const temporal = temporalCli(rig());
    await temporal.run('workflow', 'reset', '--workflow-id', 'rest-reset', '--type', 'FirstWorkflowTask', '--reapply-exclude', 'All', '--reason', 'the rest');
    const { code, stdout } = await rig().cli(['watch', 'rest-reset', '-o', 'json']);
    expect(code).toBe(0);
    expect(reportSchema.parse(JSON.parse(stdout))).toMatchObject({ status: 'completed', run: { stamp }, done: { objects: 120 }, skipped: { objects: 0 }, chunks: { count: 48 } });
    expect(await merged('rest-reset/')).toBe(ALL);
    expect(await rig().cli(['verify', 'rest-reset', '--verify', 'content'])).toMatchObject({ code: 0, stdout: expect.stringContaining('no differences in 48 chunks') });
  });

  it('is that of the plan that it had, where something has come to its source since', async () => {
    const { run: { stamp }, planned } = await cancelled('rest-plan');
    // Before all that is merged: in a listing of now each row would be another source.
    await rig().buckets.put('logs', 'rest/00.log', Buffer.from(lines('new', 10)));
    try {
      await temporalCli(rig()).run('workflow', 'reset', '--workflow-id', 'rest-plan', '--type', 'FirstWorkflowTask', '--reapply-exclude', 'All', '--reason', 'the rest');
      expect(await run(0, 'watch', 'rest-plan')).toMatchObject({ status: 'completed', run: { stamp }, planned, done: { objects: 120 }, chunks: { count: 48 } });
      expect(await merged('rest-plan/')).toBe(ALL);
    } finally {
      await rig().buckets.remove('logs', 'rest/00.log');
    }
  });

  it('is done by a merge from the start too, once the chunks of its stamp are deleted', async () => {
    const { run: { stamp } } = await cancelled('rest-again');
    const { buckets } = rig();
    for (const { key } of await buckets.list('merged', 'rest-again/')) if (key.includes(`merged-${stamp}-`)) await buckets.remove('merged', key);
    expect(await run(0, 'merge', 's3://logs/rest/', 's3://merged/rest-again/', '--lines', '25', '--again')).toMatchObject({ done: { objects: 120 } });
    expect(await merged('rest-again/')).toBe(ALL);
  });
});
