import { describe, expect, it } from '@jest/globals';
import { inputFields } from '../../../src/contracts/fields.ts';
import { DEFAULT_LIMITS } from '../../../src/contracts/limits.ts';
import { mergeInput } from '../../../src/contracts/merge.ts';

const fields = inputFields(mergeInput);
const named = (path: string): (typeof fields)[number] => fields.find((field) => field.path === path)!;

describe('inputFields', () => {
  it('lists the fields of every form of a value, parents first', () => {
    const paths = fields.map(({ path }) => path);
    expect(paths.slice(0, 9)).toEqual(['source', 'source.uri', 'source.store', 'target', 'target.uri', 'target.store', 'chunk', 'chunk.lines', 'chunk.bytes']);
    expect(paths).toContain('filters[].include');
    expect(new Set(paths).size).toBe(paths.length);
  });

  it('says types in words', () => {
    expect(named('chunk.lines').type).toBe('whole number, at least 1');
    expect(named('chunk.bytes').type).toBe('size, as 4096 or "128MiB"');
    expect(named('limits.bytesPerSecond').type).toBe('"off", or size, as 4096 or "128MiB"');
    expect(named('groupBy').type).toBe('"directory", or {depth}');
    expect(named('modifiedAfter').type).toBe('date, or instant (ISO 8601)');
    expect(named('output.tags').type).toBe('map of text to text');
  });

  it('keeps defaults and examples of fields that are turned into something else', () => {
    expect(named('chunk').fallback).toEqual({ lines: 25500 });
    expect(named('partBytes').fallback).toBe('8MiB');
    expect(named('minAge').examples).toEqual(['15m']);
    expect(named('label')).not.toHaveProperty('fallback');
    expect(named('source').required).toBe(true);
    expect(named('verify').required).toBe(false);
  });

  it('shows the limits that a run really gets', () => {
    for (const [name, value] of Object.entries(DEFAULT_LIMITS)) expect(named(`limits.${name}`).fallback).toBe(value ?? 'off');
  });

  it('describes every field that stands at the top', () => {
    expect(fields.filter(({ path, description }) => !path.includes('.') && description === undefined)).toEqual([]);
  });
});
