import { describe, expect, it } from '@jest/globals';
import type { ChunkRow } from '../../../src/contracts/records.ts';
import type { Report } from '../../../src/contracts/report.ts';
import { CONTROL_FOLDER } from '../../../src/contracts/names.ts';
import type { Buckets } from '../../support/buckets.ts';
import { checkRun, resentAcknowledged, writtenTwice } from '../../support/fault-checks.ts';
import { RequestLog, type LoggedRequest } from '../../support/request-log.ts';
import { readS3Head } from '../../support/s3-request.ts';

const STAMP = '20260102T030405Z-89abcdef';
const CONTROL = `t/_tributary/runs/${STAMP}/`;
const KEY = `t/merged-${STAMP}-00000000.log`;
const sources = new Map([['a.log', Buffer.from('#0:0 x\n')], ['b.log', Buffer.from('#1:0 y')]]);
const merged = Buffer.from('#0:0 x\n#1:0 y\n');

const row: ChunkRow = { key: KEY, group: 0, dir: '', chunk: 0, lines: 2, bytes: merged.length, crc32: 1, etag: '"e"', start: [0, 0], end: [2, 0] };

/** A run as it should have ended, with what a test changes. */
function ended(changes: { objects?: Record<string, Buffer | string | null>; uploads?: readonly string[]; report?: Partial<Report> }) {
  const objects = new Map<string, Buffer>([[KEY, merged], [`${CONTROL}chunks/1.ndjson`, Buffer.from(`${JSON.stringify(row)}\n`)]]);
  for (const [key, content] of Object.entries(changes.objects ?? {})) {
    if (content === null) objects.delete(key);
    else objects.set(key, Buffer.from(content));
  }
  const under = (prefix = ''): string[] => [...objects.keys()].filter((key) => key.startsWith(prefix));
  const buckets = {
    list: async (_, prefix) => under(prefix).map((key) => ({ key, sizeBytes: objects.get(key)!.length, etag: '' })),
    get: async (_, key) => objects.get(key)!,
    read: async (_, prefix = '') => new Map(under(prefix).filter((key) => !key.includes(CONTROL_FOLDER)).map((key) => [key.slice(prefix.length), objects.get(key)!])),
    openUploads: async () => changes.uploads ?? [],
  } satisfies Partial<Buckets> as unknown as Buckets;
  const amounts = { done: { objects: 2, bytes: 13 }, partial: { objects: 0, bytes: 0 }, failed: { objects: 0, bytes: 0 }, skipped: { objects: 0, bytes: 0, reasons: {} } };
  const report = {
    target: 's3://merged/t/', control: `s3://merged/${CONTROL}`, planned: { objects: 2, bytes: 13, groups: 1 }, ...amounts,
    verify: { mode: 'size', differences: 0 }, chunks: { count: 1, bytes: merged.length }, ...changes.report,
  } as Report;
  return checkRun(buckets, { report, sources, options: { chunk: { lines: 10 } } });
}

describe('checkRun', () => {
  it('finds nothing in a run that ended as it should, and nothing in index rows written twice', async () => {
    expect(await ended({})).toEqual([]);
    expect(await ended({ objects: { [`${CONTROL}chunks/2.ndjson`]: `${JSON.stringify(row)}\n` }, uploads: ['elsewhere/x'] })).toEqual([]);
  });

  it.each([
    ['a lost line', { objects: { [KEY]: '#0:0 x\n' } }, /^lost: line #1:0/],
    ['an upload that is left', { uploads: [KEY] }, /left open/],
    ['figures that do not reconcile', { report: { done: { objects: 1, bytes: 7 } } }, /planned 2 objects are not/],
    ['differences that verification found', { report: { verify: { mode: 'size' as const, differences: 2 } } }, /found 2 differences/],
    ['a wrong count of chunks', { report: { chunks: { count: 2, bytes: merged.length } } }, /counts 2 chunks/],
    ['a chunk that is missing in the index', { objects: { [`${CONTROL}chunks/1.ndjson`]: null } }, /index has 0 chunks/],
    ['index rows that differ', { objects: { [`${CONTROL}chunks/2.ndjson`]: `${JSON.stringify({ ...row, lines: 3 })}\n` } }, /two rows that differ/],
    ['an index row of another size', { objects: { [`${CONTROL}chunks/1.ndjson`]: `${JSON.stringify({ ...row, bytes: 3 })}\n` } }, /index says 3 bytes/],
  ])('finds %s', async (_, changes, finding) => {
    expect(await ended(changes)).toContainEqual(expect.stringMatching(finding));
  });
});

describe('requests about chunks', () => {
  const log = new RequestLog();
  let nowMs = 0;
  /** A request that begins after all before it have ended. */
  const seen = (method: string, query: string, status: number | null, answered = true): LoggedRequest => {
    const request = Object.assign(log.begin(readS3Head(method, `/merged/${KEY}${query}`, null), null), { status, answered, startedMs: nowMs + 1, endedMs: nowMs + 2 });
    nowMs += 2;
    return request;
  };

  it('are writes twice where two of them were carried out, and not where the second was refused or repeats the first', () => {
    const put = seen('PUT', '', 200, false);
    const refused = seen('PUT', '', 412);
    const complete = seen('POST', '?uploadId=u', 200);
    const repeated = seen('POST', '?uploadId=u', 200);
    const other = seen('POST', '?uploadId=v', 200);
    expect(writtenTwice([put, refused])).toEqual([]);
    expect(writtenTwice([complete, repeated])).toEqual([]);
    expect(writtenTwice([put, put])).toEqual([`${KEY} was written 2 times`]);
    expect(writtenTwice([complete, other])).toEqual([`${KEY} was written 2 times`]);
    expect(writtenTwice([put, complete])).toEqual([`${KEY} was written 2 times`]);
  });

  it('are parts sent again only where the client was told of the first', () => {
    const lost = seen('PUT', '?partNumber=1&uploadId=u', 200, false);
    const first = seen('PUT', '?partNumber=1&uploadId=u', 200);
    const again = seen('PUT', '?partNumber=1&uploadId=u', 200);
    const elsewhere = seen('PUT', '?partNumber=1&uploadId=v', 200);
    expect(resentAcknowledged([lost, first, elsewhere])).toEqual([]);
    expect(resentAcknowledged([lost, first, again])).toEqual([`part 1 of ${KEY}, upload u`]);
  });

  it('are parts sent again by one of two workers only where it could know of the first', () => {
    const before = seen('GET', '?uploadId=u', 200);
    const first = seen('PUT', '?partNumber=1&uploadId=u', 200);
    const unknowing = seen('PUT', '?partNumber=1&uploadId=u', 200);
    const after = seen('GET', '?uploadId=u', 200);
    const knowing = seen('PUT', '?partNumber=1&uploadId=u', 200);
    expect(resentAcknowledged([before, first, unknowing], true)).toEqual([]);
    expect(resentAcknowledged([before, first, after, knowing], true)).toEqual([`part 1 of ${KEY}, upload u`]);
  });
});
