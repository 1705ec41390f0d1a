import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readEnvironment } from '../../../src/config/environment.ts';
import { loadConfig, type FlagSetting } from '../../../src/config/load.ts';
import { temporalSettings, type TemporalSettings } from '../../../src/config/temporal.ts';

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
