/**
 * The memory of a worker is bounded, whatever it merges: its budget and 200 MiB for everything else. One worker, as people start it,
 * does all of this. `E2E_FULL=1` merges 100,000 small objects instead of 20,000.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { reportSchema, type Report } from '../../src/contracts/report.ts';
import { digestOf, putBig } from '../support/big-objects.ts';
import { openBulk } from '../support/bulk.ts';
import { watchResidentMemory, type ResidentMemory } from '../support/resident-memory.ts';
import { useRig } from '../support/rig.ts';

const MIB = 2 ** 20;
const BOUND_BYTES = (256 + 200) * MIB;
const SMALL_DIRECTORIES = process.env['E2E_FULL'] === '1' ? 100 : 20;

const rig = useRig({ workers: 0 });
let memory: ResidentMemory;

beforeAll(async () => {
  await rig().buckets.create('logs', 'merged');
  const worker = rig().startCli(['worker']);
  await worker.printed(/worker is ready/);
  memory = watchResidentMemory(worker.pid);
});
afterAll(() => { memory.stop(); });
beforeEach(() => { memory.reset(); });

async function merge(name: string, ...flags: readonly string[]): Promise<Report> {
  const { code, stdout, stderr } = await rig().cli(['merge', `s3://logs/${name}/`, `s3://merged/${name}/`, '-o', 'json', ...flags], { timeoutMs: 600_000 });
  if (code !== 0) throw new Error(`merge ended with ${code}: ${stderr}`);
  return reportSchema.parse(JSON.parse(stdout));
}

const chunksOf = async (name: string): Promise<string[]> =>
  (await rig().buckets.list('merged', `${name}/`)).map(({ key }) => key).filter((key) => !key.includes('/_tributary/'));

function expectBounded(what: string): void {
  const peakMiB = Math.round(memory.peakBytes() / MIB);
  process.stdout.write(`${what}: at most ${peakMiB} MiB resident\n`);
  expect(peakMiB).toBeLessThan(BOUND_BYTES / MIB);
}

/** Blocks of numbered lines, each about 8 MiB. */
function* numberedBlocks(sizeBytes: number): Generator<Buffer> {
  const filling = 'x'.repeat(90);
  for (let written = 0, block = 0; written < sizeBytes; block += 1) {
    const bytes = Buffer.from(`block ${block}\n${Array.from({ length: 80_000 }, (_, line) => `${line} ${filling}\n`).join('')}`);
    written += bytes.length;
    yield bytes;
  }
}

describe('the memory of a worker is bounded', () => {
  it('while it merges one object of 2 GiB', async () => {
    const { s3, buckets } = rig();
    await putBig(s3, buckets, 'logs', 'huge/a.log', numberedBlocks(2 ** 31));
    const report = await merge('huge', '--lines', '1000000');
    expectBounded('one object of 2 GiB');
    expect(report).toMatchObject({ status: 'completed', done: { objects: 1 } });
    expect(report.done.bytes).toBeGreaterThanOrEqual(2 ** 31);
    const source = await digestOf(s3, 'logs', ['huge/a.log']);
    const merged = await digestOf(s3, 'merged', await chunksOf('huge'));
    expect(merged.sha256).toBe(source.sha256);
    expect(new Set(merged.lines.slice(0, -1))).toEqual(new Set([1_000_000]));
    expect(merged.lines.reduce((sum, lines) => sum + lines, 0)).toBe(source.lines[0]);
  }, 600_000);

  it('while it merges lines of 64 MiB', async () => {
    const { s3, buckets } = rig();
    const keys: string[] = [];
    for (const directory of ['a', 'b']) {
      for (const file of [0, 1, 2]) {
        const key = `lines/${directory}/${file}.log`;
        keys.push(key);
        const filling = Buffer.alloc(64 * MIB - 1, 97 + file);
        // The last file of a directory holds two such lines, and the newline at its end is missing.
        await putBig(s3, buckets, 'logs', key, file === 2 ? [filling, Buffer.from('\n'), filling] : [filling, Buffer.from('\n')]);
      }
    }
    const report = await merge('lines', '--lines', '1');
    expectBounded('lines of 64 MiB');
    expect(report).toMatchObject({ status: 'completed', lines: 8, chunks: { count: 8 } });
    for (const directory of ['a', 'b']) {
      const source = await digestOf(s3, 'logs', keys.filter((key) => key.includes(`/${directory}/`)));
      const merged = await digestOf(s3, 'merged', (await chunksOf('lines')).filter((key) => key.includes(`/${directory}/`)));
      expect(source.lines).toEqual([1, 1, 2]);
      expect(merged).toEqual({ sha256: source.sha256, lines: [1, 1, 1, 1] });
    }
  }, 600_000);

  it('while it merges very many objects of 1 KB', async () => {
    const { s3, buckets } = rig();
    const contents = new Map(Array.from({ length: 1000 }, (_, at) => [`c${at}`, Buffer.from(`content ${at} ${'y'.repeat(990)}\n`)]));
    const bulk = await openBulk(s3, buckets, contents);
    const objects = Array.from({ length: SMALL_DIRECTORIES * 1000 }, (_, at): [string, string] =>
      [`small/d${String(at % SMALL_DIRECTORIES).padStart(3, '0')}/${String(at).padStart(6, '0')}.log`, `c${(at * 7) % 1000}`]);
    await bulk.fill('logs', objects);
    const report = await merge('small');
    expectBounded(`${objects.length} objects of 1 KB`);
    expect(report).toMatchObject({ status: 'completed', done: { objects: objects.length }, lines: objects.length, chunks: { count: SMALL_DIRECTORIES } });
    const merged = await digestOf(s3, 'merged', await chunksOf('small'));
    const source = await digestOf(s3, 'logs', objects.map(([key]) => key).sort());
    expect(merged.sha256).toBe(source.sha256);
  }, 600_000);
});
