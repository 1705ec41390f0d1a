/** What a target lost or got after it was written: each planted defect is found, and named. */
import { readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { verifyReportSchema, type Finding } from '../../src/contracts/report.ts';
import type { Program } from '../support/programs.ts';
import { useRig } from '../support/rig.ts';
import { until } from '../support/until.ts';

const rig = useRig({ workers: 0 });
let worker: Program;
const LINES = 100;

/** Lines of one length: a line that moves to another chunk leaves both as long as they were. */
const lines = (from: number, count: number): string => Array.from({ length: count }, (_, at) => `line ${String(from + at).padStart(8, '0')}\n`).join('');

beforeAll(async () => {
  const { buckets } = rig();
  worker = await rig().startWorker();
  await buckets.create('logs', 'merged');
  await buckets.fill('logs', new Map([
    ['whole/app/a.log', Buffer.from(lines(0, 250))], ['whole/app/b.log', Buffer.from(lines(250, 130))], ['whole/web/c.log', Buffer.from(lines(380, 220))],
  ]));
});

interface Merged {
  readonly id: string;
  /** Key of a chunk. */
  readonly chunk: (group: string, number: number) => string;
}

/** A merge of its own for each test: chunks of 100 lines, four in `app/` and three in `web/`. */
async function merged(id: string): Promise<Merged> {
  const { code, stdout, stderr } = await rig().cli(['merge', 's3://logs/whole/', `s3://merged/${id}/`, '--lines', String(LINES), '--id', id, '-o', 'json']);
  if (code !== 0) throw new Error(`merge ended with ${code}: ${stderr}`);
  const { run: { stamp } } = JSON.parse(stdout) as { run: { stamp: string } };
  return { id, chunk: (group, number) => `${id}/${group}merged-${stamp}-${String(number).padStart(8, '0')}.log` };
}

async function verify(...args: readonly string[]): Promise<{ readonly code: number; readonly findings: readonly Finding[]; readonly stderr: string }> {
  const { code, stdout, stderr } = await rig().cli(['verify', ...args, '-o', 'json']);
  return { code, findings: stdout === '' ? [] : verifyReportSchema.parse(JSON.parse(stdout)).differences, stderr };
}

/** The file that versitygw keeps an object in: changed there, its ETag and checksum stay as they were. */
const fileOf = (key: string): string => join(rig().s3.dataDir, 'merged', key);
const uri = (key: string): string => `s3://merged/${key}`;

interface Defect {
  readonly title: string;
  readonly plant: (run: Merged) => Promise<unknown>;
  readonly modes: readonly ('size' | 'content')[];
  readonly found: (run: Merged) => readonly (readonly [mark: string, key: string, what: RegExp])[];
}

const put = async (key: string, body: Buffer | string): Promise<void> => rig().buckets.put('merged', key, body);
const get = async (key: string): Promise<Buffer> => rig().buckets.get('merged', key);

/** Two lines of two chunks in each other's place. */
async function swapLines(one: string, other: string, read: (key: string) => Promise<Buffer>, write: (key: string, body: Buffer) => Promise<void>): Promise<void> {
  const [a, b] = [await read(one), await read(other)];
  const lineBytes = a.indexOf('\n') + 1;
  const [fromA, fromB] = [Buffer.from(a.subarray(0, lineBytes)), Buffer.from(b.subarray(0, lineBytes))];
  fromB.copy(a);
  fromA.copy(b);
  await write(one, a);
  await write(other, b);
}

const DEFECTS: readonly Defect[] = [
  {
    title: 'a chunk that was deleted', modes: ['size', 'content'],
    plant: ({ chunk }) => rig().buckets.remove('merged', chunk('app/', 1)),
    found: ({ chunk }) => [['+', chunk('app/', 1), /^is gone: 100 lines of app\/$/]],
  },
  {
    title: 'a chunk that was cut off', modes: ['size', 'content'],
    plant: async ({ chunk }) => put(chunk('app/', 0), (await get(chunk('app/', 0))).subarray(0, -14)),
    found: ({ chunk }) => [['*', chunk('app/', 0), /^has 1386 bytes, and 1400 were written$/]],
  },
  {
    title: 'a chunk whose file was cut off', modes: ['size', 'content'],
    plant: ({ chunk }) => truncate(fileOf(chunk('web/', 1)), 700),
    found: ({ chunk }) => [['*', chunk('web/', 1), /^has 700 bytes, and 1400 were written$/]],
  },
  {
    title: 'a copy of a chunk under the next name', modes: ['size', 'content'],
    plant: async ({ chunk }) => put(chunk('app/', 4), await get(chunk('app/', 3))),
    found: ({ chunk }) => [['-', chunk('app/', 4), /^was not written by this run: it is a copy of .*-00000003\.log$/]],
  },
  {
    title: 'a copy of a chunk in another directory', modes: ['size', 'content'],
    plant: async ({ chunk }) => put(chunk('other/', 0), await get(chunk('web/', 0))),
    found: ({ chunk }) => [['-', chunk('other/', 0), /^was not written by this run: it is a copy of .*web\/.*-00000000\.log$/]],
  },
  {
    title: 'chunks that the run wrote and did not come to record, and what others put beside them', modes: ['size', 'content'],
    plant: async ({ id, chunk }) => {
      for (const { key } of await rig().buckets.list('merged', `${id}/_tributary/runs/`)) if (key.includes('/chunks/')) await rig().buckets.remove('merged', key);
      await rig().buckets.remove('merged', chunk('app/', 0));
      await put(chunk('app/', 0), lines(0, LINES));
    },
    found: ({ chunk }) => [
      ['-', chunk('app/', 0), /^was not written by this run$/],
      ...[['app/', 1], ['app/', 2], ['app/', 3], ['web/', 0], ['web/', 1], ['web/', 2]].map(([group, number]) =>
        ['-', chunk(String(group), Number(number)), /^was written by this run, and is not in its chunk index$/] as const),
    ],
  },
  {
    title: 'a line that moved to another chunk', modes: ['size', 'content'],
    plant: ({ chunk }) => swapLines(chunk('app/', 0), chunk('web/', 2), get, put),
    found: ({ chunk }) => [['*', chunk('app/', 0), /^was written again/], ['*', chunk('web/', 2), /^was written again/]],
  },
  {
    title: 'a line that moved to another chunk, behind the back of the store', modes: ['content'],
    plant: ({ chunk }) => swapLines(chunk('app/', 0), chunk('web/', 2), (key) => readFile(fileOf(key)), (key, body) => writeFile(fileOf(key), body)),
    found: ({ chunk }) => [['*', chunk('app/', 0), /other bytes/], ['*', chunk('web/', 2), /other bytes/]],
  },
  {
    title: 'a byte that changed, behind the back of the store', modes: ['content'],
    plant: async ({ chunk }) => {
      const bytes = await readFile(fileOf(chunk('app/', 2)));
      bytes[700] = bytes[700]! ^ 1;
      await writeFile(fileOf(chunk('app/', 2)), bytes);
    },
    found: ({ chunk }) => [['*', chunk('app/', 2), /other bytes/]],
  },
];

describe('verify RUN', () => {
  it('finds nothing where nothing is wrong', async () => {
    await merged('clean');
    for (const mode of ['size', 'content']) expect(await verify('clean', '--verify', mode)).toMatchObject({ code: 0, findings: [] });
    expect((await rig().cli(['verify', 'clean'])).stdout).toBe('no differences in 7 chunks, by size\n');
  });

  it.each(DEFECTS)('finds $title', async ({ title, plant, modes, found }) => {
    const run = await merged(title.replaceAll(/[^a-z]+/g, '-'));
    await plant(run);
    const expected = found(run);
    for (const mode of modes) {
      const { code, findings } = await verify(run.id, '--verify', mode);
      expect(findings.map((finding) => [finding.mark, finding.uri])).toEqual(expected.map(([mark, key]) => [mark, uri(key)]));
      for (const [index, [, , what]] of expected.entries()) expect(findings[index]?.what).toMatch(what);
      expect(code).toBe(10);
    }
  });
});

describe('verify SRC DST', () => {
  it('says of each source whether it is merged as it is now: what is the same is not named, the rest is', async () => {
    const { buckets } = rig();
    await buckets.fill('logs', new Map(['a', 'b', 'c', 'd'].map((name) => [`now/${name}.log`, Buffer.from(`${name}\n`)])));
    expect((await rig().cli(['merge', 's3://logs/now/', 's3://merged/now/', '--min-age', '0s'])).code).toBe(0);
    expect(await verify('s3://logs/now/', 's3://merged/now/')).toMatchObject({ code: 0, findings: [] });
    expect((await rig().cli(['verify', 's3://logs/now', 's3://merged/now', '--verify', 'content'])).stdout).toBe('no differences in 1 chunk and 4 sources, by content\n');

    await buckets.put('logs', 'now/b.log', 'overwritten\n');
    await buckets.remove('logs', 'now/c.log');
    const { code, findings } = await verify('s3://logs/now/', 's3://merged/now/');
    expect(findings.map((finding) => [finding.mark, finding.uri, finding.what.replace(/:.*/, '')])).toEqual([
      ['*', 's3://logs/now/b.log', 'was overwritten after it was merged'],
      ['-', 's3://logs/now/c.log', 'was merged, and is gone'],
    ]);
    expect(code).toBe(10);
  });

  it('names a source that came after the plan, and one that could not be merged', async () => {
    const { buckets } = rig();
    await buckets.fill('logs', new Map([['late/a.log', Buffer.from('a\n')], ['late/b.log.bz2', Buffer.from('not decoded')], ['late/c.log', Buffer.from('c\n')]]));
    expect((await rig().cli(['merge', 's3://logs/late/', 's3://merged/late/'])).code).toBe(11);
    await buckets.fill('logs', new Map([['late/bb.log', Buffer.from('new\n')], ['late/z.log', Buffer.from('new\n')]]));
    const { code, findings } = await verify('s3://logs/late/', 's3://merged/late/');
    expect(findings.map(({ mark, uri: of, what }) => [mark, of, what])).toEqual([
      ['+', 's3://logs/late/b.log.bz2', 'is not merged: TRB-SOURCE-ENCODING'],
      ['+', 's3://logs/late/bb.log', 'is not merged: it came after the plan'],
      ['+', 's3://logs/late/z.log', 'is not merged: it came after the plan'],
    ]);
    expect(code).toBe(10);
  });

  it('finds what is wrong with the chunks too', async () => {
    const { chunk } = await merged('both');
    await rig().buckets.remove('merged', chunk('web/', 0));
    const { code, findings } = await verify('s3://logs/whole/', 's3://merged/both/');
    expect(findings.filter(({ uri: of }) => of.startsWith('s3://merged/'))).toEqual([expect.objectContaining({ mark: '+', uri: uri(chunk('web/', 0)) })]);
    expect(code).toBe(10);
  });

  it('of two places that no run merged is refused', async () => {
    expect(await verify('s3://logs/now/', 's3://merged/nowhere/')).toMatchObject({ code: 3, stderr: expect.stringContaining('no finished run merged') });
  });
});

describe('a verification', () => {
  it('ends at Ctrl-C, and says so', async () => {
    await merged('left');
    worker.kill('SIGSTOP');
    try {
      const verifying = rig().startCli(['verify', 'left', '--verify', 'content', '-v']);
      const id = await until(async () => {
        for await (const { workflowId } of rig().client.workflow.list({ query: "WorkflowType = 'verifyRun' AND ExecutionStatus = 'Running'" })) return workflowId;
        return '';
      }, (found) => found !== '');
      verifying.kill('SIGINT');
      expect(await verifying.ended).toMatchObject({ code: 130, stdout: '', stderr: `the verification ${id} was stopped\n` });
      expect((await rig().client.workflow.getHandle(id).describe()).status.name).toBe('TERMINATED');
    } finally {
      worker.kill('SIGCONT');
    }
  });
});
