import { describe, expect, it } from '@jest/globals';
import { limitsInputOf, mergeInputOf, type MergeFlags } from '../../../src/client/merge-input.ts';

const input = (flags: MergeFlags = {}): ReturnType<typeof mergeInputOf> => mergeInputOf('s3://logs/', 's3://merged/', flags);

describe('mergeInputOf', () => {
  it('sends what was said, and fills in nothing', () => {
    expect(input()).toEqual({ source: 's3://logs/', target: 's3://merged/' });
  });

  it('puts every flag into its field', () => {
    expect(input({
      lines: '1000', groupBy: 'depth:2', extension: 'log', compression: 'none', minSize: '1K', maxSize: '1G', minAge: '15m', modifiedAfter: '2026-01-01',
      modifiedBefore: '2026-02-01T00:00:00Z', contentType: 'text/plain', storageClass: 'STANDARD_IA', sse: 'kms:arn:aws:kms:key/1', tag: ['team=a', 'note=x=y'],
      metadata: ['owner=me'], partSize: '8MiB', label: 'nightly', dryRun: true, again: true, onError: 'stop', verify: 'content', sourceStore: 'eu', targetStore: 'us',
      parallelGroups: '2', downloads: '3', uploads: '4', bwlimit: '200M', tpslimit: '50',
    })).toEqual({
      source: { uri: 's3://logs/', store: 'eu' }, target: { uri: 's3://merged/', store: 'us' }, chunk: { lines: 1000 }, groupBy: { depth: 2 }, extension: 'log',
      compression: { input: 'none' }, minBytes: '1K', maxBytes: '1G', minAge: '15m', modifiedAfter: '2026-01-01', modifiedBefore: '2026-02-01T00:00:00Z',
      output: {
        contentType: 'text/plain', storageClass: 'STANDARD_IA', encryption: { type: 'kms', key: 'arn:aws:kms:key/1' }, tags: { team: 'a', note: 'x=y' }, metadata: { owner: 'me' },
      },
      partBytes: '8MiB', label: 'nightly', dryRun: true, again: true, onError: 'stop', verify: 'content',
      limits: { parallelGroups: 2, downloads: 3, uploads: 4, bytesPerSecond: '200M', requestsPerSecond: 50 },
    });
    expect(input({ size: '128MiB', sse: 's3', groupBy: 'directory' })).toMatchObject({ chunk: { bytes: '128MiB' }, output: { encryption: { type: 's3' } }, groupBy: 'directory' });
    expect(input({ sse: 'kms' })).toMatchObject({ output: { encryption: { type: 'kms' } } });
  });

  it('keeps the order of includes and excludes', () => {
    const filters = [{ exclude: '*' }, { include: '*.log' }, { exclude: 'tmp/**' }];
    expect(input({ include: filters, exclude: filters })).toMatchObject({ filters });
    expect(input({ exclude: [{ exclude: '*.tmp' }] })).toMatchObject({ filters: [{ exclude: '*.tmp' }] });
  });

  it.each(['[a-', '*.{log', '[z-a]', 'x\\'])('refuses the glob %s', (glob) => {
    for (const filter of [{ include: glob }, { exclude: glob }]) {
      expect(() => input({ include: [{ include: '*.log' }, filter] })).toThrow(expect.objectContaining({ code: 'TRB-INVALID-INPUT', message: expect.stringContaining(`"${glob}" is not a glob: `) }));
    }
  });

  it.each<[MergeFlags, string]>([
    [{ lines: '0' }, '--lines must be at least 1'],
    [{ lines: 'many' }, '--lines must be a whole number'],
    [{ size: 'x' }, '--size: "x" is not a size; write bytes or a unit, as 128MiB'],
    [{ groupBy: 'day' }, '--group-by takes directory or depth:N, and not "day"'],
    [{ groupBy: 'depth:-1' }, '--group-by depth:N must be at least 0'],
    [{ tpslimit: '0' }, '--tpslimit must be at least 1'],
    [{ sse: 'aes' }, '--sse takes s3, kms or kms:KEY, and not "aes"'],
    [{ sse: 'kms:' }, '--sse takes s3, kms or kms:KEY, and not "kms:"'],
    [{ metadata: ['Owner=me'] }, '--metadata.Owner: metadata keys have lower case letters, digits and dashes'],
    [{ metadata: ['tributary-chunk=mine'] }, '--metadata.tributary-chunk is what chunks are known by; take another key'],
    [{ minAge: '5' }, '--min-age: "5" is not a duration; write a number and a unit, as 15m or 7d'],
    [{ bwlimit: '1' }, '--bwlimit must be at least 1KiB, or "off"'],
    [{ downloads: '0' }, '--downloads must be at least 1'],
    [{ tag: ['novalue'] }, '--tag takes key=value, and not "novalue"'],
    [{ sourceStore: 'Bad Name' }, '--source-store: a store name has lower case letters, digits and dashes'],
  ])('says which flag is wrong: %j', (flags, message) => {
    expect(() => input(flags)).toThrow(expect.objectContaining({ code: 'TRB-INVALID-INPUT', message }));
  });

  it('refuses what is not a place, and what is not built yet', () => {
    expect(() => mergeInputOf('logs', 's3://merged/', {})).toThrow('source: "logs" is not an S3 URI; write s3://bucket/prefix/');
    expect(() => input({ filesFrom: 'x' })).toThrow(expect.objectContaining({ code: 'TRB-NOT-SUPPORTED' }));
  });
});

describe('limitsInputOf', () => {
  it('takes off for what can be lifted', () => {
    expect(limitsInputOf({ bwlimit: 'off', tpslimit: 'off' })).toEqual({ bytesPerSecond: 'off', requestsPerSecond: 'off' });
    expect(limitsInputOf({})).toEqual({});
    expect(limitsInputOf({ downloads: 'off' })).toEqual({ downloads: 'off' });
    expect(() => limitsInputOf({ uploads: 'off' })).toThrow(/^--uploads/);
  });
});
