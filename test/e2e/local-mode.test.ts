/** Local mode and `dev`: with nothing but S3 named, a command brings its own Temporal server and worker, and leaves nothing running. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { isAlive, stopProcess } from '../../src/client/services/managed-process.ts';
import { choosePort } from '../../src/client/services/ports.ts';
import { reportSchema } from '../../src/contracts/report.ts';
import type { Ended, Program } from '../support/programs.ts';
import { ROOT, useRig } from '../support/rig.ts';
import { until } from '../support/until.ts';

// Before the rig goes, and the state with it: where a test failed, its server may still run.
afterAll(async () => { if (!nothingRuns()) await stopProcess(server().pid, 0); });

const rig = useRig({ workers: 0 });

const LINES = 30_000;
const LINES_A_FILE = 500;
/** Many small objects: a run stands between two of them, wherever it is interrupted. */
const FILES = new Map(Array.from({ length: LINES / LINES_A_FILE }, (_, file) => [
  `${String(file).padStart(4, '0')}.log`,
  Buffer.from(Array.from({ length: LINES_A_FILE }, (_unused, line) => `line ${file * LINES_A_FILE + line}\n`).join('')),
]));
const SOURCE = Buffer.concat([...FILES.values()]);

beforeAll(async () => {
  const { buckets } = rig();
  await buckets.create('logs', 'merged');
  await buckets.put('logs', 'small/a.log', '1\n2\n3');
  await buckets.fill('logs', FILES, 'large/');
});

/** No server is named, and a worker that died is missed soon. */
const LOCAL = { TEMPORAL_ADDRESS: '', TRIBUTARY_WORKER_HEARTBEAT_TIMEOUT: '5s' };
const local = (...args: readonly string[]): Promise<Ended> => rig().cli(args, { env: LOCAL });
const startLocal = (...args: readonly string[]): Program => rig().startCli(args, LOCAL);

/** Where the embedded server of this S3 endpoint keeps its state. */
const stateFile = (): string => join(rig().home, '.local/state/tributary/local', rig().s3.endpoint.replace('http://', '').replace(':', '-'), 'server.json');
const server = (): { pid: number } => JSON.parse(readFileSync(stateFile(), 'utf8')) as { pid: number };
const nothingRuns = (): boolean => !existsSync(stateFile());

async function merged(prefix: string): Promise<Buffer> {
  const chunks = await rig().buckets.read('merged', prefix);
  return Buffer.concat([...chunks.keys()].sort().map((key) => chunks.get(key)!));
}

/** Slow enough to be interrupted: a quarter of a minute. */
const slowly = (target: string): readonly string[] => ['merge', 's3://logs/large/', target, '--lines', '2500', '--bwlimit', '24K', '--stats', '500ms'];
const moves = (program: Program): Promise<unknown> => program.printed(/[1-9][\d,]* lines/);

describe('local mode', () => {
  it('runs a merge to its end, lists and reports it afterwards, and leaves no process behind', async () => {
    const ended = await local('merge', 's3://logs/small/', 's3://merged/small/', '--id', 'small', '-o', 'json');
    expect({ code: ended.code, stderr: ended.stderr }).toMatchObject({ code: 0 });
    expect(reportSchema.parse(JSON.parse(ended.stdout))).toMatchObject({ status: 'completed', lines: 3 });
    expect(ended.stderr).toMatch(/local mode: embedded Temporal server at 127\.0\.0\.1:\d+, Web UI http:/);
    expect(nothingRuns()).toBe(true);
    expect(JSON.parse((await local('runs', '-o', 'json')).stdout)).toMatchObject([{ id: 'small', status: 'completed', source: 's3://logs/small/' }]);
    expect((await local('report', 'small')).stdout).toContain('completed  merge s3://logs/small/ → s3://merged/small/');
    expect(nothingRuns()).toBe(true);
  });

  it('killed half-way, goes on from where it was with the same command', async () => {
    const first = startLocal(...slowly('s3://merged/killed/'), '--id', 'killed');
    await moves(first);
    const { pid } = server();
    first.kill('SIGKILL');
    await first.ended;
    expect(isAlive(pid)).toBe(true);
    expect(await local('merge', 's3://logs/large/', 's3://merged/killed/', '--lines', '9')).toMatchObject({ code: 8, stderr: expect.stringContaining('`tributary watch killed` goes on with it') });
    const second = startLocal(...slowly('s3://merged/killed/'), '--id', 'killed', '-o', 'json');
    const [, id] = await second.printed(/resuming the run (\S+) from where it was/);
    const { code, stdout } = await second.ended;
    expect(code).toBe(0);
    expect(reportSchema.parse(JSON.parse(stdout))).toMatchObject({ run: { id }, status: 'completed', lines: LINES, chunks: { count: 12 } });
    expect(await merged('killed/')).toEqual(SOURCE);
    expect(nothingRuns()).toBe(true);
    expect(isAlive(pid)).toBe(false);
  });

  it('pauses at Ctrl-C, and says how to go on', async () => {
    const first = startLocal(...slowly('s3://merged/paused/'));
    await moves(first);
    first.kill('SIGINT');
    const { code, stderr } = await first.ended;
    expect(code).toBe(130);
    const [, id] = /paused\. Go on from here with the same command, or with: tributary watch (\S+)/.exec(stderr) ?? [];
    expect(nothingRuns()).toBe(true);
    const status = await local('status', id!, '-o', 'json');
    expect(JSON.parse(status.stdout)).toMatchObject({ schema: 'tributary.progress/1', phase: 'WRITE', state: 'paused' });
    expect(status.stderr).toContain(`go on with it: tributary watch ${id}`);
    expect((await local('watch', id!)).code).toBe(0);
    expect(await merged('paused/')).toEqual(SOURCE);
  });

  it('starts its server again where that was killed, and the run goes on', async () => {
    const merging = startLocal(...slowly('s3://merged/server-killed/'), '-o', 'json');
    await moves(merging);
    const { pid } = server();
    process.kill(pid, 'SIGKILL');
    await merging.printed(/the embedded Temporal server had ended; it was started again/);
    const { code, stdout } = await merging.ended;
    expect(code).toBe(0);
    expect(reportSchema.parse(JSON.parse(stdout))).toMatchObject({ status: 'completed', lines: LINES, chunks: { count: 12 } });
    expect(await merged('server-killed/')).toEqual(SOURCE);
    expect(nothingRuns()).toBe(true);
  });

  it('starts its server again where that no longer answers, and the run goes on', async () => {
    const merging = startLocal(...slowly('s3://merged/server-stuck/'), '-o', 'json');
    await moves(merging);
    process.kill(server().pid, 'SIGSTOP');
    await merging.printed(/the embedded Temporal server had stopped answering; it was started again/);
    const { code, stdout } = await merging.ended;
    expect(code).toBe(0);
    expect(reportSchema.parse(JSON.parse(stdout))).toMatchObject({ status: 'completed', lines: LINES, chunks: { count: 12 } });
    expect(await merged('server-stuck/')).toEqual(SOURCE);
    expect(nothingRuns()).toBe(true);
  });

  it('shares its server with further commands, and the last one out stops it', async () => {
    const first = startLocal(...slowly('s3://merged/shared/'));
    await moves(first);
    const { pid } = server();
    const [, id] = /run (\S+) {2}http/.exec(first.stderr()) ?? [];
    expect((await local('merge', 's3://logs/small/', 's3://merged/beside/')).stderr).toContain('local mode: sharing the Temporal server');
    expect(isAlive(pid)).toBe(true);
    expect(await local('merge', 's3://logs/small/', 's3://merged/shared/')).toMatchObject({ code: 8, stderr: expect.stringContaining(id!) });
    expect((await local('limit', id!, '--bwlimit', 'off')).stdout).toContain('bandwidth        off');
    expect((await first.ended).code).toBe(0);
    expect(nothingRuns()).toBe(true);
    expect(isAlive(pid)).toBe(false);
  });
});

describe('a stream that cannot be written to', () => {
  /** A command in a shell, whose exit code is that of the command. */
  const shell = (args: readonly string[], redirected: string): Promise<Ended> => rig().programs.run('bash', [
    '-c', `"$@" ${redirected}; exit \${PIPESTATUS[0]}`, 'bash', process.execPath, join(ROOT, 'bin', 'tributary.mjs'), ...args,
  ], { env: { ...rig().env, ...LOCAL } });

  it.each([['both', '2>&1 | head -4'], ['stderr', '2> >(head -4 >&2) | cat']])('pauses as at Ctrl-C where its reader has left: %s', async (name, redirected) => {
    const target = `s3://merged/left-${name}/`;
    const { code, stdout, stderr } = await shell(slowly(target), redirected);
    expect({ code, stdout, stderr }).toMatchObject({ code: 130 });
    expect(nothingRuns()).toBe(true);
    const [, id] = /run (\S+) {2}http/.exec(stdout + stderr) ?? [];
    expect(JSON.parse((await local('status', id!, '-o', 'json')).stdout)).toMatchObject({ state: 'paused' });
    expect((await local('cancel', id!)).code).toBe(0);
    expect(nothingRuns()).toBe(true);
  });

  it('ends without an error where a look has been enough', async () => {
    expect(await shell(['runs'], '| true')).toMatchObject({ code: 0, stderr: '' });
    expect(nothingRuns()).toBe(true);
  });

  it('is named where its disk is full, and nothing is left running', async () => {
    const said = 'error: stdout cannot be written: ENOSPC: no space left on device, write\n';
    expect(await shell(['runs'], '> /dev/full')).toMatchObject({ code: 1, stderr: said });
    expect(await shell(['merge', 's3://logs/small/', 's3://merged/full/', '-q'], '> /dev/full')).toMatchObject({ code: 1, stderr: said });
    expect(nothingRuns()).toBe(true);
    // Of a cluster, too.
    expect(await shell(['runs', '--address', rig().temporal.address], '> /dev/full')).toMatchObject({ code: 1, stderr: said });
    expect(await shell(['merge', 's3://logs/small/', 's3://merged/mute/'], '2> /dev/full')).toMatchObject({ code: 1 });
    expect(nothingRuns()).toBe(true);
  });
});

describe('dev', () => {
  /** Nothing is named: neither Temporal nor S3. */
  const NOTHING = { TEMPORAL_ADDRESS: '', AWS_ENDPOINT_URL_S3: '', AWS_REGION: '', AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '' };
  const bare = (...args: readonly string[]): Promise<Ended> => rig().cli(args, { env: NOTHING });

  it('serves other commands that name nothing, and stops all of it when it is told to', async () => {
    const dev = rig().startCli(['dev', '--ephemeral', '--port', '0', '--ui-port', '0', '--s3-port', '0', '--bucket', 'mine', '-o', 'jsonl'], NOTHING);
    const [line] = await dev.printed(/^\{.*\}$/m);
    const { temporal, s3, env } = JSON.parse(line) as { temporal: { address: string; ui: string }; s3: { endpoint: string }; env: Record<string, string> };
    expect(env).toMatchObject({ TEMPORAL_ADDRESS: temporal.address, AWS_ENDPOINT_URL_S3: s3.endpoint });

    expect(await bare('generate', 's3://mine/logs/', '--objects', '40', '--lines', '20')).toMatchObject({ code: 0, stdout: expect.stringMatching(/^wrote 40 objects/) });
    const ended = await bare('merge', 's3://mine/logs/', 's3://mine/merged/', '-o', 'json');
    expect({ code: ended.code, stderr: ended.stderr }).toMatchObject({ code: 0 });
    expect(reportSchema.parse(JSON.parse(ended.stdout))).toMatchObject({ planned: { objects: 40 }, status: 'completed' });
    expect(ended.stderr).toContain(`${temporal.ui}/namespaces/default/workflows/`);
    expect(await bare('doctor', 's3://mine/logs/', 's3://mine/merged/')).toMatchObject({ code: 0, stdout: expect.stringContaining('a run can start') });

    expect((await dev.stop()).code).toBe(0);
    await until(() => fetch(`${s3.endpoint}/health`).then(() => true, () => false), (answers) => !answers);
    await expect(bare('runs', '--address', temporal.address)).resolves.toMatchObject({ code: 5 });
  });

  it('starts its Temporal server again where that no longer answers, at the same address and with its runs', async () => {
    const dev = rig().startCli(['dev', '--ephemeral', '--port', '0', '--ui-port', '0', '--s3-port', '0', '--bucket', 'mine', '-o', 'jsonl'], NOTHING);
    await dev.printed(/^\{.*\}$/m);
    await bare('generate', 's3://mine/logs/', '--objects', '4', '--lines', '20');
    expect(await bare('merge', 's3://mine/logs/', 's3://mine/before/', '--id', 'before')).toMatchObject({ code: 0 });
    const { temporal } = JSON.parse(readFileSync(join(rig().home, `.local/state/tributary/dev/${dev.pid}.json`), 'utf8')) as { temporal: { pid: number } };
    process.kill(temporal.pid, 'SIGSTOP');
    await dev.printed(/the Temporal server had stopped answering; it was started again/);
    expect(isAlive(temporal.pid)).toBe(false);
    expect(await bare('report', 'before')).toMatchObject({ code: 0 });
    expect(await bare('merge', 's3://mine/logs/', 's3://mine/after/')).toMatchObject({ code: 0 });
    expect((await dev.stop()).code).toBe(0);
  });

  it('takes away what one that was killed left, also from the ports that it is to have', async () => {
    const data = join(rig().home, 'dev-data');
    const [port, uiPort, s3Port] = [await choosePort(), await choosePort(), await choosePort()].map(String);
    const args = ['dev', '--data', data, '--port', port!, '--ui-port', uiPort!, '--s3-port', s3Port!, '-o', 'jsonl'];
    const killed = rig().startCli(args, NOTHING);
    await killed.printed(/^\{.*\}$/m);
    killed.kill('SIGKILL');
    await killed.ended;
    const dev = rig().startCli(args, NOTHING);
    const [line] = await dev.printed(/^\{.*\}$/m);
    expect(JSON.parse(line)).toMatchObject({ temporal: { address: `127.0.0.1:${port}`, ui: `http://127.0.0.1:${uiPort}` }, s3: { endpoint: `http://127.0.0.1:${s3Port}` } });
    expect((await rig().cli([...args, '--ephemeral'].filter((arg) => arg !== '--data' && arg !== data), { env: NOTHING }))).toMatchObject({ code: 2, stderr: expect.stringContaining(`--port ${port}: something else on this machine listens there`) });
    expect((await dev.stop()).code).toBe(0);
  });

  it('leaves no server running where Ctrl-C is pressed twice', async () => {
    const dev = rig().startCli(['dev', '--ephemeral', '--port', '0', '--ui-port', '0', '--s3-port', '0', '-o', 'jsonl'], NOTHING);
    const [line] = await dev.printed(/^\{.*\}$/m);
    const { temporal, s3 } = JSON.parse(line) as { temporal: { ui: string }; s3: { endpoint: string } };
    dev.kill('SIGINT');
    await dev.printed(/stopping/);
    dev.kill('SIGINT');
    await dev.ended;
    for (const url of [`${s3.endpoint}/health`, temporal.ui]) await until(() => fetch(url).then(() => true, () => false), (answers) => !answers);
  });
});
