/** Merges compare equal with their sources byte by byte, whatever the sources hold and however many lines a chunk has. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { reportSchema, type Report } from '../../src/contracts/report.ts';
import { checkMerged } from '../support/invariants.ts';
import { referenceMerge } from '../support/reference-merge.ts';
import { ROOT, useRig } from '../support/rig.ts';
import { byChunk, differences } from '../support/same-bytes.ts';

const rig = useRig();

beforeAll(async () => { await rig().buckets.create('logs', 'merged'); });

async function merge(source: string, target: string, ...flags: readonly string[]): Promise<Report> {
  const { code, stdout, stderr } = await rig().cli(['merge', `s3://logs/${source}`, `s3://merged/${target}`, '-o', 'json', ...flags]);
  if (code !== 0 && code !== 11) throw new Error(`merge ended with ${code}: ${stderr}`);
  return reportSchema.parse(JSON.parse(stdout));
}

const numbered = (from: number, count: number): string => Array.from({ length: count }, (_, at) => `line ${from + at}\n`).join('');

/** One directory for each kind of content. */
const odd = new Map<string, Buffer>([
  ['crlf/a.log', Buffer.from('1\r\n2\r\n')], ['crlf/b.log', Buffer.from('3\r4\r\n5')],
  ['nul/a.log', Buffer.from('a\0b\n\0\n')], ['nul/b.log', Buffer.from([0xff, 0xfe, 0x0a, 0xc3, 0x28, 0x0a, 0x80])],
  ['empty/a.log', Buffer.alloc(0)], ['empty/b.log', Buffer.from('\n\n')], ['empty/c.log', Buffer.alloc(0)], ['nothing/a.log', Buffer.alloc(0)],
  ['unfinished/a.log', Buffer.from('1\n2')], ['unfinished/b.log', Buffer.from('3')], ['unfinished/c.log', Buffer.from('4\n')],
  ['long/a.log', Buffer.concat([Buffer.from('short\n'), Buffer.alloc(20 * 2 ** 20, 'x'), Buffer.from('\nend')])],
  ['tiny/a.log', Buffer.alloc(400_000, 'x\n')],
  ['dt=2026-01-01/x.log', Buffer.from('1\n')], ['a b+ü.log', Buffer.from('2\n')],
  ['\ue000/x.log', Buffer.from('e000\n')], ['\u{1f600}/x.log', Buffer.from('1f600\n')], ['\ue000.log', Buffer.from('first\n')], ['\u{1f600}.log', Buffer.from('second\n')],
  ['a-b/x.log', Buffer.from('a-b\n')], ['a/x.log', Buffer.from('a\n')], ['a/b/x.log', Buffer.from('a/b\n')],
]);

describe('content', () => {
  it('passes through: CRLF, NUL, invalid UTF-8, empty objects, missing final newlines, a 20 MiB line, 200,000 one-byte lines, odd keys', async () => {
    await rig().buckets.fill('logs', odd, 'odd/');
    const report = await merge('odd/', 'odd/', '--lines', '1000');
    const merged = await rig().buckets.read('merged', 'odd/');
    expect(differences(referenceMerge(odd, { chunk: { lines: 1000 } }), byChunk(merged))).toEqual([]);
    expect(report).toMatchObject({ status: 'completed', planned: { objects: odd.size }, done: { objects: odd.size } });
    expect(report.lines).toBe([...merged.values()].reduce((lines, bytes) => lines + bytes.toString('latin1').split('\n').length - 1, 0));
  });

  it('of text files that nobody wrote for this is merged as it is', async () => {
    const folder = join(ROOT, 'node_modules', 'typescript', 'lib');
    const sources = new Map(readdirSync(folder).filter((name) => name.endsWith('.d.ts')).map((name) => [`lib/${name}`, readFileSync(join(folder, name))]));
    await rig().buckets.fill('logs', sources, 'found/');
    await merge('found/', 'found/', '--lines', '999');
    expect(differences(referenceMerge(sources, { chunk: { lines: 999 } }), byChunk(await rig().buckets.read('merged', 'found/')))).toEqual([]);
  });
});

describe('counts', () => {
  const sources = new Map(Array.from({ length: 30 }, (_, at) => [`app/${String(at).padStart(2, '0')}.log`, Buffer.from(numbered(at * 2000, 2000))]));
  beforeAll(() => rig().buckets.fill('logs', sources, 'counts/'));

  it.each([100, 999, 1000, 25500])('of %i lines are exact in every chunk but the last', async (lines) => {
    await merge('counts/', `counts-${lines}/`, '--lines', String(lines));
    expect(checkMerged(sources, await rig().buckets.read('merged', `counts-${lines}/`), { chunk: { lines } })).toEqual([]);
  });

  it('of one line make a chunk a line, and k times N lines no empty chunk', async () => {
    const few = new Map([['x/a.log', Buffer.from(numbered(0, 40))], ['x/b.log', Buffer.from(numbered(40, 20))]]);
    await rig().buckets.fill('logs', few, 'few/');
    await merge('few/', 'few-1/', '--lines', '1');
    expect((await rig().buckets.read('merged', 'few-1/')).size).toBe(60);
    const report = await merge('few/', 'few-20/', '--lines', '20');
    expect(report.chunks.count).toBe(3);
    expect(checkMerged(few, await rig().buckets.read('merged', 'few-20/'), { chunk: { lines: 20 } })).toEqual([]);
  });
});

describe('compressed sources', () => {
  it('count as zcat and zstdcat would; a cut-off one keeps its complete lines and is partial', async () => {
    const members = [numbered(0, 700), numbered(700, 1), numbered(701, 4000)];
    const whole = members.join('');
    const cut = gzipSync(numbered(0, 5000));
    await rig().buckets.fill('logs', new Map([
      ['gz/a.log.gz', Buffer.concat(members.map((member) => gzipSync(member)))],
      ['zst/a.log.zst', Buffer.concat(members.map((member) => zstdCompressSync(member)))],
      ['cut/a.log.gz', cut.subarray(0, cut.length - 2000)], ['cut/b.log', Buffer.from('after\n')],
    ]), 'packed/');
    const { code, stdout } = await rig().cli(['merge', 's3://logs/packed/', 's3://merged/packed/', '--lines', '1000', '-o', 'json']);
    expect(code).toBe(11);
    const report = reportSchema.parse(JSON.parse(stdout));
    expect(report).toMatchObject({ status: 'completed_with_failures', partial: { objects: 1 }, done: { objects: 3 }, errors: [{ code: 'TRB-SOURCE-CORRUPT', count: 1 }] });
    const control = await rig().buckets.list('merged', 'packed/_tributary/');
    const failures = control.find(({ key }) => key.endsWith('/failures.ndjson'));
    expect(JSON.parse((await rig().buckets.get('merged', failures!.key)).toString())).toMatchObject({ uri: 's3://logs/packed/cut/a.log.gz', code: 'TRB-SOURCE-CORRUPT', outcome: 'partial' });
    const merged = byChunk(await rig().buckets.read('merged', 'packed/'));
    const of = (dir: string): string => [...merged].filter(([key]) => key.startsWith(dir)).sort(([a], [b]) => (a < b ? -1 : 1)).map(([, bytes]) => bytes.toString()).join('');
    expect(of('gz/')).toBe(whole);
    expect(of('zst/')).toBe(whole);
    const kept = of('cut/').split('\n').slice(0, -2);
    expect(kept.length).toBeGreaterThan(1000);
    expect(`${kept.join('\n')}\n`).toBe(numbered(0, kept.length));
    expect(of('cut/').endsWith('after\n')).toBe(true);
  });
});

describe('a run on one prefix of several', () => {
  it('reads exactly its keys, each small source with one GET and no HEAD, and nothing of the others', async () => {
    const { buckets, s3 } = rig();
    const three = new Map(Array.from({ length: 750 }, (_, at) => [`p${at % 3}/${String(at).padStart(4, '0')}.log`, Buffer.from(`line ${at}\n`)]));
    await buckets.fill('logs', three, 'three/');
    const before = (await s3.requests()).length;
    const report = await merge('three/p1/', 'three/', '--lines', '100');
    const requests = (await s3.requests()).slice(before).filter(({ bucket, key }) => bucket === 'logs' && key !== '');
    expect(requests.filter(({ method }) => method === 'HeadObject')).toEqual([]);
    const gets = requests.filter(({ method }) => method === 'GetObject').map(({ key }) => key);
    expect(gets.sort()).toEqual([...three.keys()].filter((key) => key.startsWith('p1/')).map((key) => `three/${key}`).sort());
    expect(report).toMatchObject({ planned: { objects: 250 }, done: { objects: 250 }, lines: 250 });
  });
});
