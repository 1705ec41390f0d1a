import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { embeddedDirectory, hasRuns, otherDirectories } from '../../../../src/client/local/embedded-directory.ts';
import { listDevs, liveUsers, readState, serverState, withLock, writeState, type DevState } from '../../../../src/client/local/state.ts';
import { readEnvironment } from '../../../../src/config/environment.ts';

let folder: string;
beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'tributary-state-')); });
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Of a process that has ended. */
const deadPid = (): number => spawnSync(process.execPath, ['-e', '']).pid;

const dev = (pid: number, startedMs: number): DevState => ({
  pid, startedMs, data: '/data', ephemeral: false, temporal: { pid: process.pid, program: 'temporal', address: '127.0.0.1:7233', uiUrl: 'http://127.0.0.1:8233' },
  s3: { pid: process.pid, program: 'versitygw', endpoint: 'http://127.0.0.1:7070', region: 'us-east-1', accessKeyId: 'a', secretAccessKey: 'b' },
});

describe('withLock', () => {
  it('lets one in at a time', async () => {
    const seen: string[] = [];
    const work = (name: string) => async (): Promise<void> => {
      seen.push(`${name} in`);
      await nextTurn();
      seen.push(`${name} out`);
    };
    await Promise.all(['a', 'b', 'c'].map((name) => withLock(folder, work(name))));
    const inAndOut = seen.map((event) => event.split(' '));
    for (let i = 0; i < seen.length; i += 2) expect([inAndOut[i]?.[1], inAndOut[i + 1]?.[0], inAndOut[i + 1]?.[1]]).toEqual(['in', inAndOut[i]?.[0], 'out']);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('takes over the lock of a process that is gone, and no other', async () => {
    writeFileSync(join(folder, 'lock'), String(deadPid()));
    await expect(withLock(folder, async () => 'done')).resolves.toBe('done');
    writeFileSync(join(folder, 'lock'), String(process.pid));
    const waiting = withLock(folder, async () => existsSync(join(folder, 'lock')));
    await nextTurn();
    rmSync(join(folder, 'lock'));
    await expect(waiting).resolves.toBe(true);
  });

  it('is given back where the work fails', async () => {
    await expect(withLock(folder, async () => { throw new Error('x'); })).rejects.toThrow('x');
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe('state files', () => {
  it('are whole or not there, and for their owner alone', async () => {
    const path = join(folder, 'server.json');
    const state = { pid: 1, program: 'temporal', address: 'a:1', uiUrl: 'http://a' };
    await expect(readState(path, serverState)).resolves.toBeUndefined();
    await writeState(path, state);
    await expect(readState(path, serverState)).resolves.toEqual(state);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(['server.json']);
    for (const text of ['{"pid":1', '{"pid":"one"}', '']) {
      writeFileSync(path, text);
      await expect(readState(path, serverState)).resolves.toBeUndefined();
    }
  });

  it('of users count while their process lives', async () => {
    const gone = deadPid();
    for (const pid of [process.pid, gone]) writeFileSync(join(folder, String(pid)), '');
    await expect(liveUsers(folder)).resolves.toEqual([process.pid]);
    expect(readdirSync(folder)).toEqual([String(process.pid)]);
  });

  it('of dev come newest first, with whether it still runs', async () => {
    mkdirSync(join(folder, 'dev', 'data'), { recursive: true });
    const gone = deadPid();
    await writeState(join(folder, 'dev', 'a.json'), dev(process.pid, 1));
    await writeState(join(folder, 'dev', 'b.json'), dev(gone, 2));
    writeFileSync(join(folder, 'dev', 'c.json'), 'no state');
    expect((await listDevs(folder)).map(({ state, alive }) => [state.startedMs, alive])).toEqual([[2, false], [1, true]]);
    expect(await listDevs(join(folder, 'nowhere'))).toEqual([]);
  });
});

describe('embeddedDirectory', () => {
  const environment = (): ReturnType<typeof readEnvironment> => readEnvironment({ HOME: folder });
  const name = (endpoint: string | undefined): string => embeddedDirectory(environment(), endpoint).slice(folder.length);

  it('keeps the runs of each endpoint apart, under a name that can be read', () => {
    expect(name(undefined)).toBe('/.local/state/tributary/local/aws');
    expect(name('http://127.0.0.1:7070/')).toBe('/.local/state/tributary/local/127.0.0.1-7070');
    expect(name('https://s3.example.com/some/path')).toBe('/.local/state/tributary/local/s3.example.com-some-path');
    const long = `https://${'a'.repeat(300)}.com`;
    expect(name(long).length).toBeLessThan(110);
    expect(name(long)).not.toBe(name(`https://${'a'.repeat(301)}.com`));
  });

  it('knows where else there are runs', async () => {
    const here = embeddedDirectory(environment(), undefined);
    const there = embeddedDirectory(environment(), 'http://127.0.0.1:7070');
    await expect(otherDirectories(here)).resolves.toEqual([]);
    mkdirSync(there, { recursive: true });
    await expect(otherDirectories(here)).resolves.toEqual([]);
    writeFileSync(join(there, 'temporal.db'), '');
    await expect(otherDirectories(here)).resolves.toEqual(['127.0.0.1-7070']);
    expect([hasRuns(here), hasRuns(there)]).toEqual([false, true]);
  });
});
