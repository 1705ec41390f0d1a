import { describe, expect, it } from '@jest/globals';
import { type z } from 'zod';
import { describeInputIssues } from '../../../src/contracts/explain-issues.ts';
import { mergeInput } from '../../../src/contracts/merge.ts';

const places = { source: 's3://logs/', target: 's3://merged/' };

function explain(input: unknown, schema: z.ZodType = mergeInput): string {
  const { error } = schema.safeParse(input);
  if (error === undefined) throw new Error('the input was taken');
  return describeInputIssues(error, schema);
}

describe('describeInputIssues', () => {
  it.each([
    ['inside its parent', { chunk: { line: 5 } }, 'unknown key chunk.line, did you mean chunk.lines?'],
    ['written with a dot', { 'chunk.line': 5 }, 'unknown key chunk.line, did you mean chunk.lines?'],
    ['without its parent', { line: 5 }, 'unknown key line, did you mean chunk.lines?'],
    ['of a location', { source: { uri: 's3://logs/', stor: 'eu' } }, 'unknown key source.stor, did you mean source.store?'],
    ['of limits', { limits: { download: 4 } }, 'unknown key limits.download, did you mean limits.downloads?'],
    ['that resembles nothing', { colour: 'blue' }, 'unknown key colour'],
  ])('suggests what a key was meant to be: %s', (_, input, message) => {
    expect(explain({ ...places, ...input })).toBe(message);
  });

  it.each([
    [{ chunk: { lines: 0 } }, 'chunk.lines must be at least 1'],
    [{ chunk: { lines: 1.5 } }, 'chunk.lines must be a whole number'],
    [{ chunk: { bytes: 'much' } }, 'chunk.bytes: "much" is not a size; write bytes or a unit, as 128MiB'],
    [{ chunk: { lines: 1, bytes: 1 } }, 'chunk: say only one of bytes, lines'],
    [{ minAge: '5' }, 'minAge: "5" is not a duration; write a number and a unit, as 15m or 7d'],
    [{ limits: { requestsPerSecond: 0 } }, 'limits.requestsPerSecond must be at least 1'],
    [{ groupBy: { depth: 65 } }, 'groupBy.depth must be at most 64'],
    [{ limits: { downloads: 0 } }, 'limits.downloads must be at least 1'],
    [{ limits: { bytesPerSecond: 'x' } }, 'limits.bytesPerSecond: "x" is not a size; write bytes or a unit, as 128MiB'],
    [{ modifiedAfter: 'yesterday' }, 'modifiedAfter: write a date, or an instant with its zone, as 2026-01-31 or 2026-01-31T09:00:00Z'],
    [{ output: { encryption: { type: 'none' } } }, 'output.encryption.type: expected "s3" or "kms"'],
    [{ output: { metadata: { Owner: 'me' } } }, 'output.metadata.Owner: metadata keys have lower case letters, digits and dashes'],
    [{ include: [''] }, 'include[0] must not be empty'],
    [{ include: ['a'], filters: [{ exclude: 'b' }] }, 'say either filters, or include and exclude'],
    [{ onError: 'halt' }, 'onError: expected one of "continue"|"stop"'],
  ])('says what is wrong with %j', (input, message) => {
    expect(explain({ ...places, ...input })).toBe(message);
  });

  it('describes a field that is something else altogether', () => {
    expect(explain({ ...places, chunk: 5 })).toBe(
      'chunk: expected object (Size of a chunk: exactly {"lines": n}, or about {"bytes": "128MiB"}, cut at the first line end at or after it)');
  });

  it('names what is missing, and every problem once', () => {
    expect(explain({})).toBe('source is missing; target is missing');
    expect(explain(undefined)).toBe('the input is missing');
    expect(explain('s3://logs/')).toBe('the input: expected object');
    expect(explain({ source: 'logs', target: 'logs' })).toBe(
      'source: "logs" is not an S3 URI; write s3://bucket/prefix/; target: "logs" is not an S3 URI; write s3://bucket/prefix/');
  });
});
