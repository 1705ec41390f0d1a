import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { runCommand } from '../../../src/client/main.ts';
import { readEnvironment } from '../../../src/config/environment.ts';
import { MemorySink } from './support.ts';

let home: string;
beforeAll(() => { home = mkdtempSync(join(tmpdir(), 'tributary-main-')); });
afterAll(() => rmSync(home, { recursive: true, force: true }));

/** Runs a command on a machine with nothing on it: whatever it would start is not there. */
async function run(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  const stdout = new MemorySink();
  const stderr = new MemorySink();
  const code = await runCommand(argv, { stdout, stderr }, readEnvironment({ HOME: home, PATH: '' }));
  return { code, out: stdout.text, err: stderr.text };
}

describe('the command line', () => {
  it.each([
    [['merge', 's3://logs/', 's3://merged/', '--line', '5'], 'error: unknown option \'--line\'\n(Did you mean --lines?)\n'],
    [['mrge'], 'error: unknown command \'mrge\'\n(Did you mean merge?)\n'],
    [['merge', 's3://logs/'], 'error: missing required argument \'target\'\n'],
    [['merge', 's3://logs/', 's3://merged/', '--verify', 'twice'], 'error: option \'--verify <how>\' argument \'twice\' is invalid. Allowed choices are none, size, content.\n'],
    [['merge', 's3://logs/', 's3://merged/', '--lines', '5', '--size', '1M'], 'error: option \'--size <size>\' cannot be used with option \'--lines <n>\'\n'],
    [['runs', '--limit', '0'], 'error: option \'--limit <n>\' argument \'0\' is invalid. It must be a whole number, at least 1.\n'],
    [['merge', 's3://logs/', 's3://merged/', '--id', ''], 'error: option \'--id <id>\' argument \'\' is invalid. It must not be empty.\n'],
    [['merge', 's3://logs/', 's3://merged/', '--stats', '0s'], 'error: option \'--stats <duration>\' argument \'0s\' is invalid. It must be a duration longer than 0, as 30s.\n'],
    [['merge', 's3://logs/', 's3://merged/', '--include', ''], 'error: option \'--include <glob>\' argument \'\' is invalid. It must not be empty.\n'],
    [['explain', 'migrate'], 'error: command-argument value \'migrate\' is invalid for argument \'job\'. Allowed choices are merge.\n'],
  ])('refuses %j with 2 and one message', async (argv, message) => {
    expect(await run(...argv)).toEqual({ code: 2, out: '', err: message });
  });

  it.each([
    [['merge', 's3://logs/', 's3://merged/', '--lines', '0'], '--lines must be at least 1'],
    [['merge', 'logs', 's3://merged/'], 'source: "logs" is not an S3 URI; write s3://bucket/prefix/'],
    [['merge', 's3://logs/', 's3://merged/', '--files-from', 'x'], '--files-from is not supported yet'],
    [['merge', 's3://logs/', 's3://merged/', '--tag', 'a=1', '--tag', 'a=2'], '--tag names "a" twice'],
    [['merge', 's3://logs/', 's3://merged/', '--tag', 'aws:a=1'], '--tag.aws:a: tags that begin with aws: are the store\'s own'],
    [['merge', 's3://logs/', 's3://merged/', '--tag', 'a=x&y'], '--tag.a: tags have letters, digits, spaces and + - = . _ : / @'],
    [['merge', 's3://logs/', 's3://merged/', '--tag', 'a#=x'], '--tag.a#: tags have letters, digits, spaces and + - = . _ : / @'],
    [['migrate', 's3://a/', 's3://b/', '--whatever', 'x'], '`tributary migrate` is not supported yet'],
    [['ingest', '--help'], '`tributary ingest` is not supported yet'],
    [['limit', 'a'], 'say what to change: --parallel-groups, --downloads, --uploads, --bwlimit or --tpslimit'],
    [['merge', 's3://logs/', 's3://merged/', '--detach'], '--detach needs a server that goes on without this command'],
    [['verify', 'logs', 's3://merged/'], '"logs" is not an S3 URI; write s3://bucket/prefix/'],
    [['verify', 's3://logs/'], 'verify takes the id of a run, or a source and its target; s3://logs/ has no target beside it'],
    [['generate', 'logs'], '"logs" in store "default" is no place; write s3://bucket/prefix/'],
    [['config', '--config', '/nowhere.yaml'], '/nowhere.yaml: the configuration file cannot be read'],
  ])('refuses %j before anything is started', async (argv, message) => {
    const { code, out, err } = await run(...argv);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err.startsWith(`error: ${message}`)).toBe(true);
    expect(err).not.toContain('    at ');
  });

  it('puts help and version on stdout, with 0', async () => {
    const help = await run('--help');
    expect(help).toMatchObject({ code: 0, err: '' });
    for (const heading of ['Jobs:', 'Look at runs:', 'Steer runs:', 'Around runs:', 'Connection:', 'Output:']) expect(help.out).toContain(`\n${heading}\n`);
    expect(help.out).not.toContain('ingest');
    expect(await run('help')).toEqual(help);
    expect(await run('help', 'merge')).toEqual(await run('merge', '--help'));
    expect((await run('merge', '--help')).out).toContain('--lines <n>');
    expect((await run('plan', 'merge', '--help')).out).toContain('--lines <n>');
    expect((await run('plan', '--help')).out).not.toContain('help [command]');
    expect(await run('version')).toMatchObject({ code: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/), err: '' });
    expect(JSON.parse((await run('version', '-o', 'json')).out)).toEqual({ version: (await run('-V')).out.trim() });
  });

  it('shows its help to those who say nothing, and calls that a usage error', async () => {
    const { code, out, err } = await run();
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toContain('Usage: tributary <command>');
  });

  it('knows of no runs on a machine where nothing ever ran, and starts no server to find out', async () => {
    expect(await run('runs')).toEqual({ code: 0, out: 'no runs yet\n', err: '' });
    expect(await run('runs', '-o', 'json')).toEqual({ code: 0, out: '[]\n', err: '' });
    expect(await run('status', 'a')).toEqual({
      code: 3, out: '', err: 'error: there is no run a on this machine for S3 at aws\n  TRB-RUN-NOT-FOUND: List the runs with `tributary runs`.\n' });
  });

  it('says where a run may be that `tributary dev` had, and has ended', async () => {
    mkdirSync(join(home, '.local/state/tributary/dev'), { recursive: true });
    expect((await run('status', 'a')).err).toContain('there is no run a on this machine for S3 at aws; `tributary dev` is not running: its runs are there when it is\n');
    rmSync(join(home, '.local/state/tributary/dev'), { recursive: true });
  });

  it('says at once that a server refuses the connection', async () => {
    const { code, err } = await run('runs', '--address', '127.0.0.1:1');
    expect(code).toBe(5);
    expect(err).toContain('error: Temporal at 127.0.0.1:1 cannot be reached: connection refused\n');
  });

  it('explains each field, as text and as JSON', async () => {
    expect((await run('explain', 'merge')).out).toContain('chunk.lines  whole number, at least 1\n');
    const fields = JSON.parse((await run('explain', 'merge', '-o', 'json')).out) as { path: string; default: unknown }[];
    expect(fields.find(({ path }) => path === 'verify')).toMatchObject({ default: 'size', required: false });
  });

  it('shows where each value of the configuration came from', async () => {
    const { out, err } = await run('config');
    expect(err).toBe('no configuration file; values come from flags, the environment and the defaults\n');
    expect(out).toMatch(/^memory\.budget +256MiB +default$/m);
    const entries = JSON.parse((await run('config', '--address', 'host:7233', '-o', 'json')).out) as unknown[];
    expect(entries).toContainEqual({ key: 'temporal.address', value: 'host:7233', origin: '--address' });
  });

  it('says nothing but answers and errors when quiet', async () => {
    expect((await run('config', '-q')).err).toBe('');
    expect((await run('migrate', '-q')).err).toContain('not supported yet');
  });
});
