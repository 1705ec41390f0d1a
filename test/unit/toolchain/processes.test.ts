import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Processes } from '../../../scripts/lib/processes.ts';

/** Starts a process that would run for ever, out of its parent's group and session, says its id and ends. */
const LEAVES_ONE_BEHIND = `
  const child = require('node:child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { detached: true, stdio: 'ignore' });
  child.unref();
  console.log(child.pid);
`;

/** A zombie is not alive: it only waits for init to take notice. */
const isAlive = (pid: number): boolean => /^[^Z]/.test(spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' }).stdout.trim());

describe('Processes', () => {
  const started: Processes[] = [];
  const create = (): Processes => {
    const processes = new Processes();
    started.push(processes);
    return processes;
  };
  afterEach(() => Promise.all(started.splice(0).map((processes) => processes.stopAll())));

  it('gives the output and the exit code', async () => {
    const ended = await create().run(process.execPath, ['-e', 'console.log("out"); console.error("err"); process.exitCode = 7']);
    expect(ended).toMatchObject({ code: 7, timedOut: false });
    expect(ended.output.split('\n').sort()).toEqual(['', 'err', 'out']);
  });

  it('says a signal as shells do', async () => {
    expect(await create().run(process.execPath, ['-e', 'process.kill(process.pid, "SIGTERM"); setInterval(() => {}, 1000)'])).toMatchObject({ code: 143 });
  });

  it('ends what takes longer than it may', async () => {
    expect(await create().run(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { timeoutMs: 50 })).toMatchObject({ code: 143, timedOut: true });
  });

  it('hands lines on as they come', async () => {
    const seen: string[] = [];
    await create().run(process.execPath, ['-e', 'process.stdout.write("a\\nb"); process.stdout.write("c\\n")'], { onLine: (line) => seen.push(line) });
    expect(seen).toEqual(['a', 'bc']);
  });

  it('finds a process that was left behind in a session of its own, and ends it', async () => {
    const processes = create();
    const pid = Number((await processes.run(process.execPath, ['-e', LEAVES_ONE_BEHIND])).output);
    expect(isAlive(pid)).toBe(true);
    expect((await processes.leftovers()).map((left) => left.pid)).toEqual([pid]);
    expect((await processes.endLeftovers()).map((left) => left.pid)).toEqual([pid]);
    expect(isAlive(pid)).toBe(false);
    expect(await processes.leftovers()).toEqual([]);
  });

  it('finds one that emptied its environment, by having seen it below its parent', async () => {
    const processes = create();
    const pids: number[] = [];
    // The parent ends once it is told to, so that the process below it is there to be seen.
    const parent = processes.start(process.execPath, ['-e', `
      const child = require('node:child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { detached: true, stdio: 'ignore', env: {} });
      child.unref();
      console.log(child.pid);
      process.once('SIGTERM', () => process.exit());
      setInterval(() => {}, 1000);
    `]);
    parent.stdout?.once('data', (text: Buffer) => pids.push(Number(String(text))));
    await once(parent.stdout!, 'data');
    expect(await processes.leftovers()).toEqual([]);
    parent.kill();
    await once(parent, 'exit');
    expect((await processes.endLeftovers()).map((left) => left.pid)).toEqual(pids);
    expect(isAlive(pids[0]!)).toBe(false);
  });

  it('takes nobody else\'s processes for its own', async () => {
    const other = create();
    other.start(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    expect(await create().leftovers()).toEqual([]);
  });

  it('ends running children and what they left behind', async () => {
    const processes = create();
    const child = processes.start(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    const pid = Number((await processes.run(process.execPath, ['-e', LEAVES_ONE_BEHIND])).output);
    await processes.stopAll();
    expect([isAlive(child.pid!), isAlive(pid)]).toEqual([false, false]);
  });
});
