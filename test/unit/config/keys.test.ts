import { describe, expect, it } from '@jest/globals';
import { ANY, CONFIG_KEYS, fromText, keyAt, pathOf, variableOf } from '../../../src/config/keys.ts';

describe('keys and their variables', () => {
  it('derives the variable from the path', () => {
    expect(variableOf(['worker', 'dataSlots'])).toBe('TRIBUTARY_WORKER_DATA_SLOTS');
    expect(variableOf(['stores', 'cold-eu', 'credentials', 'secretAccessKey'])).toBe('TRIBUTARY_STORES_COLD_EU_CREDENTIALS_SECRET_ACCESS_KEY');
  });

  it.each(CONFIG_KEYS.map(({ path }) => [path.join('.'), path] as const))('%s is found again from its variable', (_, path) => {
    const named = path.map((part) => (part === ANY ? 'cold-eu' : part));
    expect(pathOf(variableOf(named))).toEqual(named);
  });

  it('knows no variables by path alone that two keys share', () => {
    const variables = CONFIG_KEYS.map(({ path }) => variableOf(path));
    expect(new Set(variables).size).toBe(variables.length);
  });

  it('does not know the variable of a store without a name', () => {
    expect(pathOf('TRIBUTARY_STORES_ENDPOINT')).toBeUndefined();
    expect(pathOf('TRIBUTARY_STORES__ENDPOINT')).toBeUndefined();
    expect(pathOf('TRIBUTARY_MEMORY')).toBeUndefined();
  });

  it.each([
    ['worker.dataSlots', '4', 4],
    ['worker.dataSlots', 'four', 'four'],
    ['worker.queues', 'control, data', ['control', 'data']],
    ['memory.budget', '512MiB', '512MiB'],
    ['memory.budget', '536870912', 536870912],
    ['metrics.port', 'off', 'off'],
    ['metrics.port', '9464', 9464],
    ['stores.default.pathStyle', 'true', true],
    ['stores.default.pathStyle', 'yes', 'yes'],
    ['stores.default.region', '1', '1'],
  ])('%s: "%s" becomes %j', (name, text, value) => {
    const key = keyAt(name.split('.'));
    expect(key && fromText(key, text)).toEqual(value);
  });
});
