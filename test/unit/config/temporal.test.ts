import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readEnvironment } from '../../../src/config/environment.ts';
import { loadConfig, type FlagSetting } from '../../../src/config/load.ts';
import { formatOrigin } from '../../../src/config/settings.ts';
import { entriesInForce, temporalSettings, type TemporalSettings } from '../../../src/config/temporal.ts';

let home: string;
beforeEach(() => { home = mkdtempSync(join(tmpdir(), 'tributary-temporal-')); });
afterEach(() => { rmSync(home, { recursive: true }); });

const settings = (env: Record<string, string> = {}, flags: FlagSetting[] = [], yaml = ''): TemporalSettings => {
  writeFileSync(join(home, 'tributary.yaml'), yaml);
  return temporalSettings(loadConfig({ environment: readEnvironment({ HOME: home, ...env }), flags, cwd: home }));
};
const toml = (text: string): void => {
  mkdirSync(join(home, '.config/temporalio'), { recursive: true });
  writeFileSync(join(home, '.config/temporalio/temporal.toml'), text);
};

describe('temporalSettings', () => {
  it('names no server where nobody does', () => {
    expect(settings()).toMatchObject({ address: undefined, namespace: 'default' });
  });

  it('takes the flag, then the variable, then temporal.toml, then the configuration', () => {
    const yaml = 'temporal: {address: "yaml:1", namespace: y}\n';
    expect(settings({}, [], yaml)).toMatchObject({ address: 'yaml:1', namespace: 'y' });
    toml('[profile.default]\naddress = "toml:1"\nnamespace = "t"\n');
    expect(settings({}, [], yaml)).toMatchObject({ address: 'toml:1', namespace: 't' });
    const env = { TEMPORAL_ADDRESS: 'env:1', TEMPORAL_NAMESPACE: 'e' };
    expect(settings(env, [], yaml)).toMatchObject({ address: 'env:1', namespace: 'e' });
    const flags = [{ key: 'temporal.address', value: 'flag:1', flag: '--address' }, { key: 'temporal.namespace', value: 'f', flag: '--namespace' }];
    expect(settings(env, flags, yaml)).toMatchObject({ address: 'flag:1', namespace: 'f' });
  });

  it('takes the profile that is asked for, with its key and TLS', () => {
    toml('[profile.default]\naddress = "a:1"\n[profile.cloud]\naddress = "c:1"\napi_key = "secret"\n');
    expect(settings({ TEMPORAL_PROFILE: 'cloud' })).toMatchObject({ address: 'c:1', connection: { apiKey: 'secret', tls: true } });
    expect(settings({ TEMPORAL_PROFILE: 'cloud' }, [{ key: 'temporal.profile', value: 'default', flag: '--profile' }]).address).toBe('a:1');
    expect(settings({}, [], 'temporal: {profile: cloud}\n').address).toBe('c:1');
  });

  it('refuses a profile that is not there, and a file that is no TOML', () => {
    toml('[profile.default]\naddress = "a:1"\n');
    expect(() => settings({ TEMPORAL_PROFILE: 'nope' })).toThrow(/the Temporal settings cannot be read: .*nope/);
    toml('profile = [');
    expect(() => settings()).toThrow(/the Temporal settings cannot be read/);
  });
});

describe('entriesInForce', () => {
  const shown = (env: Record<string, string> = {}, flags: FlagSetting[] = [], yaml = ''): string[] => {
    writeFileSync(join(home, 'tributary.yaml'), yaml);
    const entries = entriesInForce(loadConfig({ environment: readEnvironment({ HOME: home, ...env }), flags, cwd: home }));
    return entries.filter(({ key }) => /^temporal\.(?:address|namespace|profile)$/.test(key)).map(({ value, origin }) => `${String(value)} ${formatOrigin(origin).replace(/^.*\//, '')}`);
  };

  it('show the server that commands talk to, and where it was named', () => {
    const yaml = 'temporal: {address: "yaml:1"}\n';
    expect(shown()).toEqual(['null default', 'null default', 'null default']);
    expect(shown({}, [], yaml)).toEqual(['yaml:1 tributary.yaml:1', 'null default', 'null default']);
    toml('[profile.default]\naddress = "toml:1"\n[profile.cloud]\naddress = "c:1"\nnamespace = "n"\n');
    expect(shown({}, [], yaml)).toEqual(['toml:1 temporal.toml', 'null default', 'null default']);
    expect(shown({ TEMPORAL_PROFILE: 'cloud' })).toEqual(['c:1 temporal.toml', 'n temporal.toml', 'cloud TEMPORAL_PROFILE']);
    expect(shown({ TEMPORAL_ADDRESS: 'env:1' }, [], yaml)[0]).toBe('env:1 TEMPORAL_ADDRESS');
    expect(shown({ TEMPORAL_ADDRESS: 'env:1' }, [{ key: 'temporal.address', value: 'flag:1', flag: '--address' }])[0]).toBe('flag:1 --address');
  });
});
