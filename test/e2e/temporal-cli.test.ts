/** Everything that a run needs can be done with the plain `temporal` command line. */
import { beforeAll, describe, expect, it } from '@jest/globals';
import type { BranchProgress, Progress } from '../../src/contracts/progress.ts';
import { reportSchema, type Report } from '../../src/contracts/report.ts';
import { checkMerged } from '../support/invariants.ts';
import { makeSources } from '../support/numbered-lines.ts';
import { useRig } from '../support/rig.ts';
import { until } from '../support/until.ts';

const rig = useRig();
const sources = makeSources(2, { sources: 40, directories: ['', 'app/', 'app/2026/', 'dt=2026-01-01/'] });

beforeAll(async () => {
  const { buckets } = rig();
  await buckets.create('logs', 'merged');
  await buckets.fill('logs', sources);
});

const start = (id: string, input: object, ...how: readonly string[]): string[] => [
  'workflow', ...(how.length > 0 ? how : ['start']), '--type', 'mergeRun', '--task-queue', 'tributary', '--workflow-id', id, '--input', JSON.stringify(input),
];

async function temporal(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await rig().temporalCli(args);
  if (code !== 0) throw new Error(`temporal ${args.join(' ')} ended with ${code}: ${stderr}${stdout}`);
  return stdout;
}

async function progress(id: string): Promise<Progress> {
  const { queryResult } = JSON.parse(await temporal('workflow', 'query', '--workflow-id', id, '--type', 'progress', '-o', 'json')) as { queryResult: Progress[] };
  return queryResult[0]!;
}

async function result(id: string): Promise<Report> {
  const printed = JSON.parse(await temporal('workflow', 'result', '--workflow-id', id, '-o', 'json')) as { result: unknown };
  // The Go program prints an empty list as null.
  const report = printed.result as Report | { readonly errors: null };
  return reportSchema.parse({ ...report, errors: report.errors ?? [] });
}

const inState = (id: string, state: Progress['state']): Promise<Progress> => until(() => progress(id), (now) => now.state === state);

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
  await temporal(...start(id, { source: 's3://logs/', target: `s3://merged/${id}/`, limits: { bytesPerSecond: 4096 } }));
  await until(gets, (now) => now > before);
}

describe('a run by the temporal command line', () => {
  it('starts with two locations, ends with a report, and has merged every byte', async () => {
    await temporal(...start('w', { source: 's3://logs/', target: 's3://merged/' }));
    const report = await result('w');
    expect(report).toMatchObject({ status: 'completed', run: { id: 'w' }, planned: { objects: sources.size }, done: { objects: sources.size } });
    expect(checkMerged(sources, await rig().buckets.read('merged'), { chunk: { lines: 25500 } })).toEqual([]);
    expect(await progress('w')).toMatchObject({ phase: 'DONE', state: 'ended', result: { schema: 'tributary.report/1' } });
  });

  it('stops all requests on pause, goes on from where it was on resume, and takes new limits meanwhile', async () => {
    const { buckets, s3 } = rig();
    await startSlow('paused');
    await temporal('workflow', 'signal', '--workflow-id', 'paused', '--name', 'pause');
    const paused = await inState('paused', 'paused');
    // The root is paused at once; its batches are when their running calls have handed back their cursors.
    await until(() => batchStates('paused'), (states) => states.length > 0 && states.every((state) => state === 'paused'));
    const before = (await s3.requests()).length;
    expect(paused).toMatchObject({ phase: 'WRITE' });
    await temporal('workflow', 'update', 'execute', '--workflow-id', 'paused', '--name', 'setLimits', '--input', '{"bytesPerSecond":"off","downloads":4}');
    expect(await inState('paused', 'paused')).toMatchObject({ limits: { bytesPerSecond: null, downloads: 4 } });
    expect(await s3.requests()).toHaveLength(before);

    await temporal('workflow', 'signal', '--workflow-id', 'paused', '--name', 'resume');
    const report = await result('paused');
    expect(report).toMatchObject({ status: 'completed', done: { objects: sources.size } });
    expect(checkMerged(sources, await buckets.read('merged', 'paused/'), { chunk: { lines: 25500 } })).toEqual([]);
  });

  it('refuses limits that make no sense, with what is wrong', async () => {
    await temporal(...start('odd-limits', { source: 's3://logs/', target: 's3://merged/odd/' }, 'signal-with-start', '--signal-name', 'pause'));
    const refused = await rig().temporalCli(['workflow', 'update', 'execute', '--workflow-id', 'odd-limits', '--name', 'setLimits', '--input', '{"download":4}']);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('there are parallelGroups, downloads, uploads, bytesPerSecond, requestsPerSecond');
    await temporal('workflow', 'signal', '--workflow-id', 'odd-limits', '--name', 'resume');
    expect(await result('odd-limits')).toMatchObject({ status: 'completed' });
  });

  it.each([
    ['signal', ['workflow', 'signal', '--name', 'cancel']],
    ['server', ['workflow', 'cancel']],
  ])('ends with a report that says so when it is cancelled by the %s', async (by, cancel) => {
    const id = `cancelled-by-${by}`;
    await startSlow(id);
    await temporal(...cancel, '--workflow-id', id);
    const report = await result(id);
    const ended = report.done.objects + report.partial.objects + report.failed.objects + report.skipped.objects;
    expect(report).toMatchObject({ status: 'cancelled', planned: { objects: sources.size } });
    expect(ended).toBe(sources.size);
    expect(report.skipped.reasons['cancelled']).toBeGreaterThan(0);
    expect(await rig().buckets.openUploads('merged')).toEqual([]);
  });
});
