/** Everything that a run needs can be done with the plain `temporal` command line. */
import { beforeAll, describe, expect, it } from '@jest/globals';
import type { BranchProgress } from '../../src/contracts/progress.ts';
import { checkMerged } from '../support/invariants.ts';
import { makeSources } from '../support/numbered-lines.ts';
import { openBuckets } from '../support/buckets.ts';
import { useRig } from '../support/rig.ts';
import { temporalCli, type TemporalCli } from '../support/temporal-cli.ts';
import { until } from '../support/until.ts';

const rig = useRig();
const sources = makeSources(2, { sources: 40, directories: ['', 'app/', 'app/2026/', 'dt=2026-01-01/'] });

beforeAll(async () => {
  const { buckets } = rig();
  await buckets.create('logs', 'merged');
  await buckets.fill('logs', sources);
});

const temporal = (): TemporalCli => temporalCli(rig());

/** What each batch of a run says of itself. */
async function batchStates(id: string): Promise<BranchProgress['state'][]> {
  const { workflow } = rig().client;
  const { raw } = await workflow.getHandle(id).describe();
  const batches = (raw.pendingChildren ?? []).filter(({ workflowTypeName }) => workflowTypeName === 'mergePrefix');
  return Promise.all(batches.map(async ({ workflowId }) => (await workflow.getHandle(workflowId!).query<BranchProgress>('progress')).state));
}

/** Starts a run that reads 4 KiB a second; resolves when it has begun to read sources. */
async function startSlow(id: string): Promise<void> {
  const { s3 } = rig();
  const gets = async (): Promise<number> => (await s3.requests()).filter(({ method, bucket }) => method === 'GetObject' && bucket === 'logs').length;
  const before = await gets();
  await temporal().start(id, { source: 's3://logs/', target: `s3://merged/${id}/`, limits: { bytesPerSecond: 4096 } });
  await until(gets, (now) => now > before);
}

describe('a run by the temporal command line', () => {
  it('starts with two locations, ends with a report, and has merged every byte', async () => {
    await temporal().start('w', { source: 's3://logs/', target: 's3://merged/' });
    const report = await temporal().result('w');
    expect(report).toMatchObject({ status: 'completed', run: { id: 'w' }, planned: { objects: sources.size }, done: { objects: sources.size } });
    expect(checkMerged(sources, await rig().buckets.read('merged'), { chunk: { lines: 25500 } })).toEqual([]);
    expect(await temporal().progress('w')).toMatchObject({ phase: 'DONE', state: 'ended', result: { schema: 'tributary.report/1' } });
  });

  it('stops all requests on pause, goes on from where it was on resume, and takes new limits meanwhile', async () => {
    const { buckets, s3 } = rig();
    await startSlow('paused');
    await temporal().signal('paused', 'pause');
    const paused = await temporal().inState('paused', 'paused');
    // It says so when the running calls of its batches have handed back their cursors.
    const states = await batchStates('paused');
    expect(new Set(states)).toEqual(new Set(['paused']));
    const before = (await s3.requests()).length;
    expect(paused).toMatchObject({ phase: 'WRITE' });
    await temporal().run('workflow', 'update', 'execute', '--workflow-id', 'paused', '--name', 'setLimits', '--input', '{"bytesPerSecond":"off","downloads":4}');
    expect(await temporal().inState('paused', 'paused')).toMatchObject({ limits: { bytesPerSecond: null, downloads: 4 } });
    expect(await s3.requests()).toHaveLength(before);

    await temporal().signal('paused', 'resume');
    const report = await temporal().result('paused');
    expect(report).toMatchObject({ status: 'completed', done: { objects: sources.size } });
    expect(checkMerged(sources, await buckets.read('merged', 'paused/'), { chunk: { lines: 25500 } })).toEqual([]);
  });

  it('refuses limits that make no sense, with what is wrong', async () => {
    await temporal().start('odd-limits', { source: 's3://logs/', target: 's3://merged/odd/' }, ['signal-with-start', '--signal-name', 'pause']);
    const refused = await rig().temporalCli(['workflow', 'update', 'execute', '--workflow-id', 'odd-limits', '--name', 'setLimits', '--input', '{"download":4}']);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('there are parallelGroups, downloads, uploads, bytesPerSecond, requestsPerSecond');
    await temporal().signal('odd-limits', 'resume');
    expect(await temporal().result('odd-limits')).toMatchObject({ status: 'completed' });
  });

  it.each([
    ['signal', ['workflow', 'signal', '--name', 'cancel']],
    ['server', ['workflow', 'cancel']],
  ])('ends with a report that says so when it is cancelled by the %s', async (by, cancel) => {
    const id = `cancelled-by-${by}`;
    await startSlow(id);
    await temporal().run(...cancel, '--workflow-id', id);
    const report = await temporal().result(id);
    const ended = report.done.objects + report.partial.objects + report.failed.objects + report.skipped.objects;
    expect(report).toMatchObject({ status: 'cancelled', planned: { objects: sources.size } });
    expect(ended).toBe(sources.size);
    expect(report.skipped.reasons['cancelled']).toBeGreaterThan(0);
    expect(await rig().buckets.openUploads('merged')).toEqual([]);
  });
});

describe('what Temporal shows of a run', () => {
  it('is its summary, its phase, its target and a table of its figures, in the command line and in the Web UI', async () => {
    expect((await rig().cli(['merge', 's3://logs/app/', 's3://merged/shown/', '--id', 'shown'])).code).toBe(0);
    const history = await temporal().run('workflow', 'show', '--workflow-id', 'shown', '-o', 'json');
    const { events } = JSON.parse(history) as { events: { readonly userMetadata?: { readonly summary?: { readonly data: string } } }[] };
    const summaries = events.map(({ userMetadata }) => Buffer.from(userMetadata?.summary?.data ?? '', 'base64').toString()).filter((summary) => summary !== '');
    expect(summaries).toEqual(['"merge s3://logs/app/ → s3://merged/shown/"', '"writer of s3://merged/shown/"', expect.stringMatching(/^"\d+ directories, \d+ objects, /)]);
    expect(await temporal().run('workflow', 'metadata', '--workflow-id', 'shown')).toMatch(/\*\*DONE\*\* merge s3:\/\/logs\/app\/ → s3:\/\/merged\/shown\/[^]*lines \|/);
    const described = await temporal().run('workflow', 'describe', '--workflow-id', 'shown');
    for (const [attribute, value] of [['TributaryJob', 'merge'], ['TributaryPhase', 'DONE'], ['TributaryTarget', 's3://merged/shown/']]) {
      expect(described).toMatch(new RegExp(`${attribute}:[^]*${value}`));
    }
    expect(await temporal().run('workflow', 'list', '--query', "TributaryPhase = 'DONE' AND TributaryTarget = 's3://merged/shown/'")).toContain('shown');
    // What the page of the run is made of.
    const page = await fetch(`${rig().temporal.uiUrl}/api/v1/namespaces/default/workflows/shown`);
    const text = decoded(await page.text());
    expect(['merge s3://logs/app/ → s3://merged/shown/', 'TributaryPhase', 'DONE'].filter((word) => !text.includes(word))).toEqual([]);
  });
});

/** The text of an answer in which payloads are in base64. */
const decoded = (text: string): string => text.replaceAll(/"data":\s*"([A-Za-z0-9+/=]+)"/g, (_, base64: string) => Buffer.from(base64, 'base64').toString());

describe('a run against `tributary dev`', () => {
  it('starts, answers, pauses, resumes, is cancelled and ends by the temporal command line alone', async () => {
    const nothing = { TEMPORAL_ADDRESS: '', AWS_ENDPOINT_URL_S3: '', AWS_REGION: '', AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '' };
    const dev = rig().startCli(['dev', '--ephemeral', '--port', '0', '--ui-port', '0', '--s3-port', '0', '-o', 'jsonl'], nothing);
    const [line] = await dev.printed(/^\{.*\}$/m);
    const { env } = JSON.parse(line) as { env: Record<string, string> };
    const buckets = openBuckets(env['AWS_ENDPOINT_URL_S3']!, { accessKeyId: env['AWS_ACCESS_KEY_ID']!, secretAccessKey: env['AWS_SECRET_ACCESS_KEY']! });
    const there = temporalCli(rig(), env);
    try {
      await buckets.fill('logs', sources);
      await there.run(
        'workflow', 'start', '--type', 'mergeRun', '--task-queue', 'tributary', '--workflow-id', 'w', '--input', '{"source":"s3://logs/","target":"s3://merged/"}',
      );
      expect(await there.result('w')).toMatchObject({ status: 'completed', done: { objects: sources.size } });
      expect(await there.progress('w')).toMatchObject({ phase: 'DONE' });
      expect(checkMerged(sources, await buckets.read('merged'), { chunk: { lines: 25500 } })).toEqual([]);

      await there.start('steered', { source: 's3://logs/', target: 's3://merged/steered/', limits: { bytesPerSecond: 4096 } });
      for (const state of ['pause', 'resume', 'pause']) await there.signal('steered', state);
      expect(await there.inState('steered', 'paused')).toMatchObject({ source: 's3://logs/' });
      await there.signal('steered', 'resume');
      await there.signal('steered', 'cancel');
      expect(await there.result('steered')).toMatchObject({ status: 'cancelled' });
    } finally {
      buckets.close();
      await dev.stop();
    }
  });
});
