/** Many sources and many directories: what they cost in history, and that none waits for a slow one. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { reportSchema, type Report } from '../../src/contracts/report.ts';
import { openBulk, type Bulk } from '../support/bulk.ts';
import { startGateProxy, type GateProxy } from '../support/gate-proxy.ts';
import { eventsOf, historiesOf, textOf, type Recorded } from '../support/histories.ts';
import { referenceMerge } from '../support/reference-merge.ts';
import { byChunk, differences } from '../support/same-bytes.ts';
import { useRig } from '../support/rig.ts';
import { until } from '../support/until.ts';

const rig = useRig({ workers: 0 });

const SLOW = 'many/d0777/';
let proxy: GateProxy;
let bulk: Bulk;

const CONTENTS = new Map(Array.from({ length: 500 }, (_, at) => [`c${at}`, Buffer.from(Array.from({ length: 1 + at % 7 }, (_unused, line) => `content ${at} line ${line}\n`).join(''))]));

beforeAll(async () => {
  const { buckets, s3 } = rig();
  proxy = await startGateProxy(s3.endpoint, ({ operation, key }) => operation === 'GetObject' && key.startsWith(SLOW));
  await rig().startWorker({ TRIBUTARY_STORES_GATED_ENDPOINT: proxy.endpoint, TRIBUTARY_STORES_GATED_REGION: 'us-east-1' });
  await buckets.create('logs', 'merged');
  bulk = await openBulk(s3, buckets, CONTENTS);
});
afterAll(() => proxy.close());

/** Keys and contents of `files` objects in each of `directories`: in every directory another sequence of contents. */
function* spread(prefix: string, directories: number, files: number): Generator<[key: string, content: string]> {
  for (let directory = 0; directory < directories; directory += 1) {
    for (let file = 0; file < files; file += 1) {
      yield [`${prefix}d${String(directory).padStart(4, '0')}/needle-${String(file).padStart(4, '0')}.log`, `c${(directory * 37 + file * 11) % CONTENTS.size}`];
    }
  }
}

const sourcesOf = (prefix: string, objects: Iterable<readonly [string, string]>): Map<string, Buffer> =>
  new Map([...objects].map(([key, content]) => [key.slice(prefix.length), CONTENTS.get(content)!]));

async function historyOf(id: string): Promise<Recorded[]> {
  const { runId } = await rig().client.workflow.getHandle(id).describe();
  return historiesOf(rig().client, [{ workflowId: id, runId }]);
}

describe('ten thousand sources in twenty directories', () => {
  it('are merged with under 500 events in all histories together, which hold no source key and no secret', async () => {
    const { buckets, s3 } = rig();
    const objects = [...spread('wide/', 20, 500)];
    await bulk.fill('logs', objects);
    const { code, stdout, stderr } = await rig().cli(['merge', 's3://logs/wide/', 's3://merged/wide/', '--lines', '1000', '--id', 'wide', '-o', 'json'], { timeoutMs: 180_000 });
    expect({ code, stderr }).toMatchObject({ code: 0 });
    const report: Report = reportSchema.parse(JSON.parse(stdout));
    expect(report).toMatchObject({ status: 'completed', planned: { objects: 10_000, groups: 20 }, done: { objects: 10_000 } });
    expect(differences(referenceMerge(sourcesOf('wide/', objects), { chunk: { lines: 1000 } }), byChunk(await buckets.read('merged', 'wide/')))).toEqual([]);

    const histories = await historyOf('wide');
    expect(histories.reduce((events, one) => events + eventsOf(one), 0)).toBeLessThan(500);
    // Searched as a whole, and not printed as a whole where something is found.
    const text = histories.map(textOf).join('\n');
    expect(['s3://logs/wide/', 'needle-0123', 'needle', s3.root.secretAccessKey, s3.root.accessKeyId].filter((word) => text.includes(word))).toEqual(['s3://logs/wide/']);
  }, 240_000);
});

describe('two thousand directories of which one is slow', () => {
  it('are all finished before the slow one, and no history passes 10,000 events', async () => {
    const { buckets } = rig();
    const objects = [...spread('many/', 2000, 2)];
    await bulk.fill('logs', objects);
    const run = rig().startCli(['merge', 's3://logs/many/', 's3://merged/many/', '--id', 'many', '--source-store', 'gated', '-o', 'json']);
    const reference = referenceMerge(sourcesOf('many/', objects), { chunk: { lines: 25500 } });
    const slow = [...reference.keys()].filter((path) => `many/${path}`.startsWith(SLOW)).length;
    const chunks = async (): Promise<string[]> => (await buckets.list('merged', 'many/')).map(({ key }) => key).filter((key) => !key.includes('/_tributary/'));
    const before = await until(chunks, (keys) => keys.length === reference.size - slow, 180_000);
    expect(before.filter((key) => key.startsWith(SLOW))).toEqual([]);
    expect(proxy.held()).toBeGreaterThan(0);
    proxy.open();
    const { code, stdout, stderr } = await run.ended;
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(reportSchema.parse(JSON.parse(stdout))).toMatchObject({ status: 'completed', planned: { objects: 4000, groups: 2000 }, done: { objects: 4000 } });
    expect(differences(reference, byChunk(await buckets.read('merged', 'many/')))).toEqual([]);
    expect(Math.max(...(await historyOf('many')).map(eventsOf))).toBeLessThan(10_000);
  }, 300_000);
});
