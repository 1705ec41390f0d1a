/** What must not happen is refused in seconds, with one clear message and its exit code; and nothing is lost or half written. */
import { beforeAll, describe, expect, it } from '@jest/globals';
import { reportSchema } from '../../src/contracts/report.ts';
import type { Ended } from '../support/programs.ts';
import { useRig } from '../support/rig.ts';
import { until } from '../support/until.ts';

const rig = useRig();

beforeAll(async () => {
  const { buckets } = rig();
  await buckets.create('logs', 'merged');
  await buckets.fill('logs', new Map([['app/a.log', Buffer.from('1\n2\n3\n')], ['app/b.log', Buffer.from('4\n5\n')]]));
});

const merge = (...args: readonly string[]): Promise<Ended> => rig().cli(['merge', ...args]);

/** One message for people: what, where, what to do; no stack. */
function expectRefused(ended: Ended, code: number, ...words: readonly string[]): void {
  expect({ code: ended.code, stderr: ended.stderr }).toMatchObject({ code });
  for (const word of words) expect(ended.stderr).toContain(word);
  expect(ended.stderr).not.toMatch(/^\s+at .*:\d+:\d+/m);
  expect(ended.stdout).toBe('');
}

describe('bad input', () => {
  it('is refused with exit code 2 before anything starts', async () => {
    expectRefused(await merge('s3://logs/', 's3://merged/', '--lines', '0'), 2, 'at least 1');
    expectRefused(await merge('logs', 's3://merged/'), 2, 'not an S3 URI');
    expectRefused(await merge('s3://logs/', 's3://merged/', '--linse', '5'), 2, '--lines');
    expectRefused(await rig().cli(['migrate', 's3://logs/', 's3://merged/']), 2, 'not supported yet');
  });

  it('by the temporal command line is refused with the key that was meant', async () => {
    const input = JSON.stringify({ source: 's3://logs/', target: 's3://merged/', 'chunk.line': 5 });
    const ended = await rig().temporalCli(['workflow', 'execute', '--type', 'mergeRun', '--task-queue', 'tributary', '--workflow-id', 'typo', '--input', input]);
    expect(ended.code).not.toBe(0);
    expect(`${ended.stdout}${ended.stderr}`).toContain('did you mean chunk.lines');
  });
});

describe('a place that is not there, or not ours', () => {
  it('is named', async () => {
    expectRefused(await merge('s3://missing-bucket/', 's3://merged/'), 3, 'missing-bucket');
    expectRefused(await merge('s3://logs/missing/', 's3://merged/'), 3, 's3://logs/missing/');
    expectRefused(await rig().cli(['report', 'no-such-run']), 3, 'no-such-run');
  });

  it('says at once that Temporal cannot be reached', async () => {
    expectRefused(await rig().cli(['runs', '--address', '127.0.0.1:1']), 5, '127.0.0.1:1');
  });
});

describe('doctor', () => {
  it.each([
    ['a wrong secret', { AWS_SECRET_ACCESS_KEY: 'wrong' }, 6, 'the secret access key is wrong'], ['an unknown key', { AWS_ACCESS_KEY_ID: 'nobody' }, 6, 'the access key id is unknown'],
    ['another region', { AWS_REGION: 'eu-west-9' }, 2, 'expecting "us-east-1"'], ['an endpoint where nobody is', { AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:1' }, 5, 'cannot be reached'],
  ])('ends with the exit code of what is wrong: %s', async (_, env, code, words) => {
    for (const places of [[], ['s3://logs/', 's3://merged/']]) {
      const ended = await rig().cli(['doctor', ...places], { env });
      expect(ended).toMatchObject({ code, stdout: expect.stringContaining(words) });
      // One thing is wrong, whatever lies in that store: it is tried once, and said once.
      expect(ended.stdout).toContain('1 thing to mend first');
      expect(ended.durationMs).toBeLessThan(10_000);
    }
  });

  it('takes the word of the configuration for what runs do not try', async () => {
    const ended = await rig().cli(['doctor', 's3://logs/', 's3://merged/'], { env: { TRIBUTARY_STORES_DEFAULT_CREATE_ONCE: 'no' } });
    expect(ended).toMatchObject({ code: 0, stdout: expect.stringContaining('ignores If-None-Match, as createOnce of its configuration says') });
  });
});

describe('doctor, of a prefix with nothing under it', () => {
  it('says what the merge would say, with its exit code', async () => {
    expect(await rig().cli(['doctor', 's3://logs/missing/', 's3://merged/'])).toMatchObject({ code: 3, stdout: expect.stringMatching(/nothing is stored under s3:\/\/logs\/missing\/[^]*1 thing to mend first/) });
  });
});

describe('the status of a run that failed', () => {
  it('says what it is, when it was, and what it failed with', async () => {
    expect((await merge('s3://missing-bucket/', 's3://merged/', '--id', 'no-bucket', '--label', 'mine')).code).toBe(3);
    const { code, stdout, stderr } = await rig().cli(['status', 'no-bucket', '-o', 'json']);
    expect({ code, stderr }).toEqual({ code: 3, stderr: expect.stringContaining('missing-bucket') });
    const status = JSON.parse(stdout) as { started: string; ended: string };
    expect(status).toMatchObject({
      schema: 'tributary.progress/1', id: 'no-bucket', job: 'merge', label: 'mine', status: 'failed', phase: 'DONE', state: 'ended', source: 's3://missing-bucket/', target: 's3://merged/',
      error: { code: 'TRB-NO-SUCH-BUCKET', message: expect.stringContaining('missing-bucket') }, result: null,
    });
    expect(Date.parse(status.ended)).toBeGreaterThan(Date.parse(status.started));
    expect((await rig().cli(['status', 'no-bucket'])).stdout).toMatch(/^failed {2}merge s3:\/\/missing-bucket\/ → s3:\/\/merged\/\nrun no-bucket \(mine\), started .*, ended after /);
  });

  it('has the figures that it left', async () => {
    await rig().buckets.put('logs', 'stops/a.log.bz2', 'no');
    await merge('s3://logs/stops/', 's3://merged/stops/', '--id', 'stops', '--on-error', 'stop');
    const { code, stdout } = await rig().cli(['status', 'stops', '-o', 'json']);
    expect(code).toBe(11);
    expect(JSON.parse(stdout)).toMatchObject({
      id: 'stops', status: 'failed', error: { code: 'TRB-SOURCE-ENCODING' }, planned: { objects: 1 },
      result: { schema: 'tributary.report/1', status: 'failed', planned: { objects: 1 } }, started: expect.stringMatching(/Z$/), ended: expect.stringMatching(/Z$/),
    });
  });

  it('counts the source that stopped it as failed, as failures does, and what it did not get to as not reached', async () => {
    await rig().buckets.fill('logs', new Map(['stopped/a/a.log', 'stopped/b/b.log.bz2', 'stopped/c/c.log'].map((key) => [key, Buffer.from('line\n')])));
    expect((await merge('s3://logs/stopped/', 's3://merged/stopped/', '--id', 'stopped', '--on-error', 'stop')).code).toBe(11);
    const report = reportSchema.parse(JSON.parse((await rig().cli(['report', 'stopped', '-o', 'json'])).stdout));
    expect(report).toMatchObject({ status: 'failed', failed: { objects: 1, bytes: 5 }, partial: { objects: 0 }, errors: [{ code: 'TRB-SOURCE-ENCODING', count: 1 }] });
    expect(report.done.objects + (report.skipped.reasons['not-reached'] ?? 0)).toBe(2);
    expect(JSON.parse((await rig().cli(['failures', 'stopped', '-o', 'json'])).stdout)).toMatchObject([{ uri: 's3://logs/stopped/b/b.log.bz2', outcome: 'failed' }]);
  });
});

describe('a run that goes on', () => {
  it('is neither applied nor verified, which is said at once', async () => {
    await rig().buckets.put('logs', 'goes-on/a.log', Buffer.alloc(2 ** 20, 'x\n'));
    expect((await merge('s3://logs/goes-on/', 's3://merged/goes-on/', '--id', 'goes-on', '--bwlimit', '16K', '--detach')).code).toBe(0);
    expectRefused(await rig().cli(['apply', 'goes-on'], { timeoutMs: 10_000 }), 5, 'TRB-RUN-OPEN', 'tributary watch');
    expectRefused(await rig().cli(['verify', 'goes-on'], { timeoutMs: 10_000 }), 5, 'TRB-RUN-OPEN', 'tributary watch');
    expect((await rig().cli(['cancel', 'goes-on'])).code).toBe(0);
  });
});

describe('a target', () => {
  it('that another run writes to is refused with exit code 8 and that run named', async () => {
    await rig().buckets.put('logs', 'slow/a.log', Buffer.alloc(2 ** 20, 'x\n'));
    const first = rig().startCli(['merge', 's3://logs/slow/', 's3://merged/busy/', '--id', 'first', '--bwlimit', '16K']);
    await until(() => rig().cli(['status', 'first', '-o', 'json']), ({ stdout }) => stdout.includes('"WRITE"'));
    expectRefused(await merge('s3://logs/app/', 's3://merged/busy/'), 8, 'first');
    expect((await rig().cli(['cancel', 'first'])).code).toBe(0);
    expect((await first.ended).code).toBe(12);
    expect(await rig().buckets.openUploads('merged')).toEqual([]);
  });

  it('that holds merged output of the source already is refused; --again merges it under a new stamp', async () => {
    expect((await merge('s3://logs/app/', 's3://merged/again/')).code).toBe(0);
    expectRefused(await merge('s3://logs/app/', 's3://merged/again/'), 8, '--again');
    expect((await rig().buckets.read('merged', 'again/')).size).toBe(1);
    expect((await merge('s3://logs/app/', 's3://merged/again/', '--again')).code).toBe(0);
    expect((await rig().buckets.read('merged', 'again/')).size).toBe(2);
  });

  it('with a foreign object where a chunk belongs ends the run with exit code 8, and the object stays', async () => {
    const { buckets } = rig();
    await buckets.put('logs', 'gate/a.log', Buffer.alloc(2 ** 20, 'x\n'));
    const run = rig().startCli(['merge', 's3://logs/gate/', 's3://merged/foreign/', '--id', 'foreign', '--bwlimit', '64K']);
    const { stdout } = await until(() => rig().cli(['status', 'foreign', '-o', 'json']), (ended) => ended.stdout.includes('"WRITE"'));
    const { run: { stamp } } = JSON.parse(stdout) as { run: { stamp: string } };
    const key = `foreign/merged-${stamp}-00000000.log`;
    await buckets.put('merged', key, 'not yours');
    const before = await buckets.head('merged', key);
    expect((await rig().cli(['limit', 'foreign', '--bwlimit', 'off'])).code).toBe(0);
    const ended = await run.ended;
    expect(ended.code).toBe(8);
    expect(ended.stderr).toContain(key);
    expect((await buckets.head('merged', key)).ETag).toBe(before.ETag);
    expect(await buckets.openUploads('merged')).toEqual([]);
  });
});

describe('a source that was overwritten between plan and apply', () => {
  it('is left out, and named by failures; exit code 11', async () => {
    const { buckets } = rig();
    await buckets.fill('logs', new Map([['pin/a.log', Buffer.from('old\n')], ['pin/b.log', Buffer.from('kept\n')]]));
    expect((await rig().cli(['plan', 'merge', 's3://logs/pin/', 's3://merged/pin/', '--id', 'pinned'])).code).toBe(0);
    expect((await buckets.read('merged', 'pin/')).size).toBe(0);
    await buckets.put('logs', 'pin/a.log', 'new\n');
    const applied = await rig().cli(['apply', 'pinned', '--id', 'applied', '-o', 'json']);
    expect(applied.code).toBe(11);
    expect(reportSchema.parse(JSON.parse(applied.stdout))).toMatchObject({ done: { objects: 1 }, failed: { objects: 1 }, planned: { objects: 2 } });
    expect([...(await buckets.read('merged', 'pin/')).values()].map(String)).toEqual(['kept\n']);
    const failures = JSON.parse((await rig().cli(['failures', 'applied', '-o', 'json'])).stdout) as unknown;
    expect(failures).toEqual([expect.objectContaining({ uri: 's3://logs/pin/a.log', code: 'TRB-SOURCE-CHANGED', outcome: 'failed' })]);
  });
});

describe('compaction in place', () => {
  it('leaves its own output out, in this and later runs, and takes a file of the user that looks like it', async () => {
    const { buckets } = rig();
    const sources = new Map([['here/a.log', Buffer.from('1\n2\n')], ['here/merged-2024.log', Buffer.from('3\n')]]);
    await buckets.fill('logs', sources);
    const first = await merge('s3://logs/here/', 's3://logs/here/', '-o', 'json');
    expect(reportSchema.parse(JSON.parse(first.stdout))).toMatchObject({ done: { objects: 2 }, lines: 3, chunks: { count: 1 } });
    const second = await merge('s3://logs/here/', 's3://logs/here/', '--again', '-o', 'json');
    expect(reportSchema.parse(JSON.parse(second.stdout))).toMatchObject({
      planned: { objects: 3 }, done: { objects: 2 }, skipped: { objects: 1, reasons: { 'own-output': 1 } }, lines: 3, chunks: { count: 1 },
    });
  });
});
