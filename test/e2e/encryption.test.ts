/** A bucket whose policy refuses every write that does not say how it is encrypted: `--sse` holds for all that a run writes to its target. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startFaultProxy, type FaultProxy } from '../support/fault-proxy.ts';
import { BIG, fillBig } from '../support/fault-loads.ts';
import type { Ended } from '../support/programs.ts';
import type { LoggedRequest } from '../support/request-log.ts';
import { useRig } from '../support/rig.ts';

const rig = useRig({ workers: 0 });
const WRITES = ['PutObject', 'CreateMultipartUpload'];
let proxy: FaultProxy;

beforeAll(async () => {
  const { buckets, s3, startWorker } = rig();
  await buckets.create('logs', 'merged');
  await fillBig(buckets, 'in/a/', 5, 2);
  await buckets.fill('logs', new Map([['in/b/1.log', Buffer.from('1\n')], ['in/b/2.log.bz2', Buffer.from('no')]]));
  proxy = await startFaultProxy(s3.endpoint);
  proxy.schedule.add({
    fault: { kind: 'answer', status: 403, code: 'AccessDenied' },
    when: ({ operation, bucket, encryption }) => bucket === 'merged' && WRITES.includes(operation) && encryption === null,
  });
  await startWorker({ AWS_ENDPOINT_URL_S3: proxy.endpoint });
});

afterAll(() => proxy.close());

/** `tributary …` through the proxy. */
async function expectEnd(code: number, ...args: readonly string[]): Promise<Ended> {
  const ended = await rig().cli(args, { env: { AWS_ENDPOINT_URL_S3: proxy.endpoint } });
  expect({ code: ended.code, stderr: ended.stderr }).toMatchObject({ code });
  return ended;
}

/** What was written to the target since then. */
function written(mark: number): readonly LoggedRequest[] {
  return proxy.log.since(mark).filter(({ operation, bucket }) => bucket === 'merged' && WRITES.includes(operation));
}

const kindOf = ({ operation, key }: LoggedRequest): string => `${operation} ${key.replace(/^.*_tributary\/(?:runs\/[^/]*\/)?/, '').replace(/^.*merged-.*$/, 'chunk').replace(/\/.*$|-.*$/, '')}`;

describe('such a bucket', () => {
  it('takes a merge with --sse, also where connections break: its chunks, its control data, and what is written about it later', async () => {
    const mark = proxy.log.length;
    const big = ['--lines', String(BIG.chunk.lines), '--part-size', String(BIG.partBytes)];
    await expectEnd(0, 'plan', 'merge', 's3://logs/in/', 's3://merged/out/', ...big, '--sse', 's3', '--id', 'planned');
    // The lean client sends a part once more by itself, where a connection breaks that was kept.
    proxy.schedule.add({ fault: { kind: 'reset request', afterBytes: 1_000_000 }, when: ({ operation, key }) => operation === 'UploadPart' && key.includes('merged-'), times: 6, timesEach: 2 });
    await expectEnd(11, 'apply', 'planned', '--id', 'applied');
    await expectEnd(11, 'retry', 'applied', '--id', 'retried');
    await expectEnd(0, 'sweep', 's3://merged/out/', '--older-than', '0s', '--yes');
    const writes = written(mark);
    expect(writes.filter(({ encryption }) => encryption !== 'AES256')).toEqual([]);
    expect([...new Set(writes.map(kindOf))].sort()).toEqual([
      'CreateMultipartUpload chunk', 'CreateMultipartUpload probe', 'PutObject batches', 'PutObject chunk', 'PutObject chunks', 'PutObject failures', 'PutObject failures.ndjson',
      'PutObject plan', 'PutObject plan.json', 'PutObject probe', 'PutObject report.json', 'PutObject run.json', 'PutObject spec.json', 'PutObject swept.json',
    ]);
  }, 120_000);

  it('is said to be denied without it, by merge and by doctor alike', async () => {
    expect((await expectEnd(6, 'merge', 's3://logs/in/b/', 's3://merged/denied/')).stderr).toContain('s3:PutObject');
    await expectEnd(6, 'doctor', 's3://logs/in/b/', 's3://merged/denied/');
    const mark = proxy.log.length;
    await expectEnd(0, 'doctor', 's3://logs/in/b/', 's3://merged/denied/', '--sse', 'kms:key-1');
    expect(written(mark).map(({ encryption }) => encryption)).toEqual(written(mark).map(() => 'aws:kms'));
  });
});
