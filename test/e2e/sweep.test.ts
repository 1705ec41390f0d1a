/** `tributary sweep`: what ended runs left goes, what others may need stays. */
import { CreateMultipartUploadCommand, S3Client } from '@aws-sdk/client-s3';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { reportSchema, sweepReportSchema, type SweepReport } from '../../src/contracts/report.ts';
import { fillBig, BIG } from '../support/fault-loads.ts';
import { checkMerged } from '../support/invariants.ts';
import { useRig } from '../support/rig.ts';
import { temporalCli, type TemporalCli } from '../support/temporal-cli.ts';
import { until } from '../support/until.ts';

const rig = useRig();
const temporal = (): TemporalCli => temporalCli(rig());
let sources: ReadonlyMap<string, Buffer>;

beforeAll(async () => {
  const { buckets } = rig();
  await buckets.create('logs', 'merged');
  sources = await fillBig(buckets, 'big/', 31, 6);
  await buckets.fill('logs', new Map([['small/a.log', Buffer.from('1\n2\n')], ['small/b.log', Buffer.from('3\n')]]));
});

interface Swept { readonly code: number; readonly report: SweepReport; readonly stderr: string }

async function sweep(...args: readonly string[]): Promise<Swept> {
  const { code, stdout, stderr } = await rig().cli(['sweep', ...args, '-o', 'json']);
  if (code !== 0) throw new Error(`sweep ended with ${code}: ${stderr}`);
  return { code, report: sweepReportSchema.parse(JSON.parse(stdout)), stderr };
}

/** Open uploads, without those by which a run tries what the store can do. */
const uploadsUnder = async (prefix: string): Promise<string[]> =>
  (await rig().buckets.openUploads('merged')).filter((key) => key.startsWith(prefix) && !key.includes('/probe-')).sort();
const controlUnder = async (prefix: string): Promise<string[]> => (await rig().buckets.list('merged', `${prefix}_tributary/runs/`)).map(({ key }) => key.replace(/^.*\/runs\/[^/]*\//, '')).sort();

const SLOW = { bytesPerSecond: 2 ** 20, downloads: 1 };

/** Resolves when the run has an upload open. @returns its key */
async function writing(id: string): Promise<string> {
  return (await until(() => uploadsUnder(`${id}/`), (keys) => keys.length > 0))[0]!;
}

async function startSlow(id: string): Promise<string> {
  await temporal().start(id, { source: 's3://logs/big/', target: `s3://merged/${id}/`, ...BIG, limits: SLOW });
  return writing(id);
}

async function setRate(id: string, bytesPerSecond: string): Promise<void> {
  await temporal().run('workflow', 'update', 'execute', '--workflow-id', id, '--name', 'setLimits', '--input', JSON.stringify({ bytesPerSecond }));
}

/** An upload as another program would begin it, or a run that nobody remembers. */
async function beginUpload(key: string): Promise<void> {
  const { s3 } = rig();
  const client = new S3Client({ endpoint: s3.endpoint, region: 'us-east-1', credentials: { ...s3.root }, forcePathStyle: true });
  await client.send(new CreateMultipartUploadCommand({ Bucket: 'merged', Key: key }));
  client.destroy();
}

describe('uploads', () => {
  it('of a terminated run go; those of a paused and of a running one, and those of other programs, stay', async () => {
    const { buckets } = rig();
    const ended = await startSlow('all/ended');
    await temporal().run('workflow', 'terminate', '--workflow-id', 'all/ended');
    const paused = await startSlow('all/paused');
    await temporal().signal('all/paused', 'pause');
    await temporal().inState('all/paused', 'paused');
    const running = await startSlow('all/running');
    await setRate('all/running', '16KiB');
    await beginUpload('all/ended/merged-2024.log');
    await beginUpload('all/backup.tar');
    const before = await uploadsUnder('all/');

    const dry = await sweep('s3://merged/all/', '--dry-run', '--yes');
    expect(dry.report).toMatchObject({ removed: false, uploads: [{ uri: `s3://merged/${ended}`, run: 'all/ended', why: 'the run all/ended has ended (terminated)' }], control: [] });
    expect(dry.report.kept).toEqual(expect.arrayContaining([
      { uri: `s3://merged/${paused}`, why: 'the run all/paused is running' }, { uri: `s3://merged/${running}`, why: 'the run all/running is running' },
    ]));
    const unasked = await sweep('s3://merged/all/');
    expect(unasked.report).toEqual(dry.report);
    expect(unasked.stderr).toContain('nothing was removed: there is no terminal to ask on; say --yes');
    expect(await uploadsUnder('all/')).toEqual(before);

    expect((await sweep('s3://merged/all/', '--yes')).report).toMatchObject({ removed: true, uploads: [{ uri: `s3://merged/${ended}` }] });
    expect(await uploadsUnder('all/')).toEqual(before.filter((key) => key !== ended));
    expect((await sweep('s3://merged/all/', '--yes')).report).toMatchObject({ removed: false, uploads: [] });

    for (const id of ['all/paused', 'all/running']) {
      await setRate(id, 'off');
      await temporal().signal(id, 'resume');
      expect(await temporal().result(id)).toMatchObject({ status: 'completed' });
      expect(checkMerged(sources, await buckets.read('merged', `${id}/`), BIG)).toEqual([]);
    }
    expect(await uploadsUnder('all/')).toEqual(['all/backup.tar', 'all/ended/merged-2024.log']);
  });

  it('without control data belong to nobody, and go; those of another namespace stay', async () => {
    await temporal().run('operator', 'namespace', 'create', 'elsewhere');
    const key = await startSlow('foreign');
    await beginUpload('foreign/app/merged-20200101T000000Z-deadbeef-00000003.log');
    await temporal().run('workflow', 'terminate', '--workflow-id', 'foreign');
    const there = await until(() => rig().cli(['sweep', 's3://merged/foreign/', '--yes', '--older-than', '0s', '-o', 'json', '--namespace', 'elsewhere']), ({ code }) => code === 0);
    expect(sweepReportSchema.parse(JSON.parse(there.stdout))).toMatchObject({
      uploads: [{ uri: expect.stringContaining('deadbeef'), run: null }], control: [],
      kept: [{ uri: `s3://merged/${key}`, why: 'the run foreign is of a namespace "default" that was not asked' }, { uri: expect.stringMatching(/\/runs\/[^/]+\/$/) }],
    });
    expect(await uploadsUnder('foreign/')).toEqual([key]);
    expect((await sweep('s3://merged/foreign/', '--yes', '--older-than', '1h')).report).toMatchObject({ removed: false, uploads: [], kept: [{ uri: `s3://merged/${key}` }, {}] });
    await sweep('s3://merged/foreign/', '--yes');
    expect(await uploadsUnder('foreign/')).toEqual([]);
  });
});

describe('control data', () => {
  it('of an ended run goes once it is a week old, or as old as one says; its output is recognised all the same', async () => {
    const { buckets } = rig();
    await buckets.fill('logs', new Map([['here/a.log', Buffer.from('1\n')], ['here/b.log.bz2', Buffer.from('no')]]));
    expect((await rig().cli(['merge', 's3://logs/here/', 's3://logs/here/', '--id', 'here'])).code).toBe(11);
    expect((await sweep('s3://logs/here/', '--yes')).report).toMatchObject({ removed: false, control: [], kept: [{ why: 'the run here has ended (completed with failures), and it is younger than seven days' }] });

    expect((await sweep('s3://logs/here/', '--older-than', '0s', '--yes')).report).toMatchObject({ removed: true, control: [{ run: 'here', why: 'the run here has ended (completed with failures)' }] });
    const left = (await buckets.list('logs', 'here/_tributary/')).map(({ key }) => key.replace(/^.*\/runs\/[^/]*\//, '').replace(/failures\/.*/, 'failures/'));
    expect(left).toEqual(['failures/', 'report.json', 'run.json', 'spec.json', 'swept.json']);
    expect((await sweep('s3://logs/here/', '--older-than', '0s', '--yes')).report).toMatchObject({ removed: false, control: [], kept: [] });

    // What still works, and what says why it does not.
    expect(JSON.parse((await rig().cli(['failures', 'here', '-o', 'json'])).stdout)).toMatchObject([{ uri: 's3://logs/here/b.log.bz2' }]);
    expect((await rig().cli(['report', 'here'])).code).toBe(0);
    expect(await rig().cli(['verify', 'here'])).toMatchObject({ code: 3, stderr: expect.stringContaining('the control data of the run here was swept') });
    expect((await rig().cli(['merge', 's3://logs/here/', 's3://logs/here/'])).code).toBe(8);
    const again = await rig().cli(['merge', 's3://logs/here/', 's3://logs/here/', '--again', '-o', 'json']);
    expect(reportSchema.parse(JSON.parse(again.stdout))).toMatchObject({ done: { objects: 1 }, skipped: { reasons: { 'own-output': 1 } } });
  });

  it('of a plan stays as long as a run that applies it lives, and then goes whole', async () => {
    const target = 's3://merged/applied/';
    expect((await rig().cli(['plan', 'merge', 's3://logs/big/', target, '--lines', '1000000', '--part-size', '5MiB', '--id', 'plan'])).code).toBe(0);
    await temporal().start('applied', { apply: 'plan', limits: SLOW });
    await writing('applied');
    const { report } = await sweep(target, '--older-than', '0s', '--yes');
    expect(report).toMatchObject({ removed: false, control: [] });
    expect(report.kept.map(({ why }) => why).sort()).toEqual(['another run, which lives, reads it', 'the run applied is running']);
    await temporal().signal('applied', 'cancel');
    expect(await temporal().result('applied')).toMatchObject({ status: 'cancelled' });
    expect((await sweep(target, '--older-than', '0s', '--yes')).report.control.map(({ run }) => run)).toEqual(['plan']);
    expect(await controlUnder('applied/')).toEqual(['report.json', 'run.json', 'spec.json']);
  });

  it('refuses what is no place and no duration', async () => {
    expect(await rig().cli(['sweep', 'merged'])).toMatchObject({ code: 2, stderr: expect.stringContaining('write s3://bucket/prefix/') });
    expect(await rig().cli(['sweep', 's3://merged/', '--older-than', 'long'])).toMatchObject({ code: 2, stderr: expect.stringContaining('--older-than "long" is not a duration') });
    expect(await rig().cli(['sweep', 's3://missing-bucket/'])).toMatchObject({ code: 3 });
  });
});
