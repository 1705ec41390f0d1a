import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readEnvironment } from '../../../src/config/environment.ts';
import { loadConfig, type FlagSetting, type ResolvedConfig } from '../../../src/config/load.ts';
import { formatOrigin } from '../../../src/config/settings.ts';
import { ERRORS, type TributaryError } from '../../../src/contracts/errors.ts';

let cwd: string;
beforeEach(() => { cwd = mkdtempSync(join(tmpdir(), 'tributary-config-')); });
afterEach(() => { rmSync(cwd, { recursive: true }); });

const write = (text: string, name = 'tributary.yaml'): string => {
  const path = join(cwd, name);
  writeFileSync(path, text);
  return path;
};
const load = (env: Record<string, string> = {}, flags: FlagSetting[] = [], file?: string): ResolvedConfig =>
  loadConfig({ environment: readEnvironment({ HOME: join(cwd, 'home'), ...env }), flags, cwd, file });
const refusal = (env: Record<string, string> = {}, flags: FlagSetting[] = [], file?: string): string => {
  try {
    load(env, flags, file);
  } catch (error) {
    expect((error as TributaryError).code).toBe('TRB-INVALID-CONFIG');
    expect(ERRORS['TRB-INVALID-CONFIG'].exitCode).toBe(2);
    return (error as Error).message;
  }
  throw new Error('the configuration was accepted');
};
const origin = (config: ResolvedConfig, key: string): string => formatOrigin(config.originOf(key)).replace(`${cwd}/`, '');

describe('precedence', () => {
  const flag: FlagSetting = { key: 'memory.budget', value: '1GiB', flag: '--budget' };
  const file = 'memory:\n  budget: 300MiB\n';
  const variable = { TRIBUTARY_MEMORY_BUDGET: '400MiB' };
  const MiB = 2 ** 20;

  it.each([
    ['default', false, {}, [], 256 * MiB, 'default'],
    ['file over default', true, {}, [], 300 * MiB, 'tributary.yaml:2'],
    ['environment over default', false, variable, [], 400 * MiB, 'TRIBUTARY_MEMORY_BUDGET'],
    ['environment over file', true, variable, [], 400 * MiB, 'TRIBUTARY_MEMORY_BUDGET'],
    ['flag over file', true, {}, [flag], 1024 * MiB, '--budget'],
    ['flag over environment over file', true, variable, [flag], 1024 * MiB, '--budget'],
  ])('%s', (_, withFile, env, flags, bytes, from) => {
    if (withFile) write(file);
    const config = load(env, flags);
    expect(config.values.memory.budget).toBe(bytes);
    expect(origin(config, 'memory.budget')).toBe(from);
  });

  it('lets a higher layer switch off what a lower one set', () => {
    write('metrics: {port: 9464}\nstores: {default: {requestsPerSecond: 100}}\n');
    const { values } = load({ TRIBUTARY_METRICS_PORT: 'off', TRIBUTARY_STORES_DEFAULT_REQUESTS_PER_SECOND: 'off' });
    expect(values.metrics.port).toBeUndefined();
    expect(values.stores['default']?.requestsPerSecond).toBeUndefined();
  });

  it('reads durations into milliseconds', () => {
    expect(load({ TRIBUTARY_WORKER_HEARTBEAT_TIMEOUT: '1m' }).values.worker.heartbeatTimeout).toBe(60_000);
  });
});

describe('which file', () => {
  it('takes --config, then TRIBUTARY_CONFIG, then ./tributary.yaml, then the user\'s own', () => {
    const own = join(cwd, 'home/.config/tributary');
    mkdirSync(own, { recursive: true });
    writeFileSync(join(own, 'tributary.yaml'), 'log: {level: warn}\n');
    expect(load().values.log.level).toBe('warn');
    write('log: {level: error}\n');
    expect(load().values.log.level).toBe('error');
    const named = write('log: {level: debug}\n', 'named.yaml');
    expect(load({ TRIBUTARY_CONFIG: named }).values.log.level).toBe('debug');
    write('log: {level: trace}\n', 'flag.yaml');
    expect(load({ TRIBUTARY_CONFIG: named }, [], 'flag.yaml').values.log.level).toBe('trace');
  });

  it('refuses a named file that is not there', () => {
    expect(refusal({}, [], 'nowhere.yaml')).toContain(`${cwd}/nowhere.yaml: the configuration file cannot be read`);
  });

  it('takes an empty file, and empty values, for nothing said', () => {
    write('# nothing\n');
    expect(load().values.log.level).toBe('info');
    write('log:\nmemory:\n  budget:\n');
    expect(load().values.memory.budget).toBe(256 * 2 ** 20);
  });
});

describe('the store default', () => {
  it('is there without a file, from the AWS environment', () => {
    const config = load({ AWS_ENDPOINT_URL: 'http://127.0.0.1:7070', AWS_DEFAULT_REGION: 'eu-west-1' });
    expect(config.values.stores['default']).toMatchObject({ endpoint: 'http://127.0.0.1:7070', region: 'eu-west-1', adapter: 'auto', createOnce: 'probe' });
    expect(origin(config, 'stores.default.endpoint')).toBe('AWS_ENDPOINT_URL');
    expect(origin(config, 'stores.default.region')).toBe('AWS_DEFAULT_REGION');
  });

  it('is there with nothing at all', () => {
    expect(load().values.stores['default']).toEqual({ adapter: 'auto', createOnce: 'probe' });
  });

  it('takes what the file says over the AWS environment, and TRIBUTARY_ variables over both', () => {
    write('stores:\n  default:\n    endpoint: http://file\n');
    const aws = { AWS_ENDPOINT_URL_S3: 'http://aws' };
    expect(load(aws).values.stores['default']?.endpoint).toBe('http://file');
    expect(load({ ...aws, TRIBUTARY_STORES_DEFAULT_ENDPOINT: 'http://variable' }).values.stores['default']?.endpoint).toBe('http://variable');
  });

  it('shares the AWS region, but not the endpoint, with the other stores', () => {
    write('stores:\n  cold: {adapter: sdk}\n  west: {region: us-west-2}\n');
    const { stores } = load({ AWS_ENDPOINT_URL: 'http://here', AWS_REGION: 'eu-west-1' }).values;
    expect(stores['cold']).toEqual({ adapter: 'sdk', createOnce: 'probe', region: 'eu-west-1' });
    expect(stores['west']?.region).toBe('us-west-2');
    expect(stores['default']?.endpoint).toBe('http://here');
  });

  it('is not the only one that the environment can make', () => {
    expect(load({ TRIBUTARY_STORES_COLD_EU_ENDPOINT: 'https://cold' }).values.stores['cold-eu']?.endpoint).toBe('https://cold');
  });
});

describe('what is refused', () => {
  it.each([
    ['an unknown key', 'memory:\n  budgt: 1\n', 'tributary.yaml:2: unknown key memory.budgt; did you mean budget?'],
    ['an unknown section', '\n\nstors: {}\n', 'tributary.yaml:3: unknown key stors; did you mean stores?'],
    ['an unknown key of a store', 'stores:\n  a:\n    endpont: http://x\n', 'tributary.yaml:3: unknown key stores.a.endpont; did you mean endpoint?'],
    ['an unknown key of credentials', 'stores: {a: {credentials: {\n  profle: x}}}\n', 'tributary.yaml:2: unknown key stores.a.credentials.profle; did you mean profile?'],
    ['an unknown key that resembles nothing', 'colour: 1\n', 'tributary.yaml:1: unknown key colour'],
    ['a value where keys belong', 'memory: 256MiB\n', 'tributary.yaml:1: memory must hold keys (budget)'],
    ['a list at the top', '- a\n', 'tributary.yaml:1: the file must hold keys (stores, memory, worker, metrics, health, log, temporal)'],
    ['a bad size', 'memory:\n  budget: lots\n', 'tributary.yaml:2: memory.budget: "lots" is not a size; write bytes or a unit, as 128MiB'],
    ['a size out of bounds', 'memory:\n  budget: 1MiB\n', 'tributary.yaml:2: memory.budget: must be between 64MiB and 3584MiB'],
    ['a bad choice', 'log:\n  level: loud\n', 'tributary.yaml:2: log.level: expected one of "trace"|"debug"|"info"|"warn"|"error"'],
    ['a bad port', 'metrics:\n  port: http\n', 'tributary.yaml:2: metrics.port: expected "off", or expected number, received string'],
    ['a bad URL', 'stores:\n  a:\n    endpoint: ftp://x\n', 'tributary.yaml:3: stores.a.endpoint: must be an http:// or https:// URL'],
    ['a URL with credentials', 'stores:\n  a:\n    endpoint: http://key:hunter2@x\n', 'tributary.yaml:3: stores.a.endpoint: must not hold credentials; give them under credentials'],
    ['a bad store name', 'stores:\n  Big_One:\n    region: x\n', 'tributary.yaml:3: stores.Big_One: a store name has lower case letters, digits and dashes'],
    ['a list that is too short', 'worker:\n  queues: []\n', 'tributary.yaml:2: worker.queues: Too small: expected array to have >=1 items'],
    ['two kinds of credentials', 'stores:\n  a:\n    credentials:\n      profile: p\n      accessKeyId: env:K\n',
      'stores.a.credentials needs profile, or accessKeyId and secretAccessKey, or roleArn, and nothing of the others; it has profile (tributary.yaml:4), accessKeyId (tributary.yaml:5)'],
    ['half a pair of keys', 'stores:\n  a:\n    credentials:\n      accessKeyId: env:K\n',
      'stores.a.credentials needs profile, or accessKeyId and secretAccessKey, or roleArn, and nothing of the others; it has accessKeyId (tributary.yaml:4)'],
    ['a duplicated key', 'log: {level: info}\nlog: {level: warn}\n', 'tributary.yaml:2: Map keys must be unique'],
    ['broken YAML', 'log: [\n', 'tributary.yaml:2: Flow sequence in block collection must be sufficiently indented and end with a ]'],
  ])('%s', (_, text, message) => {
    write(text);
    expect(refusal().replaceAll(`${cwd}/`, '')).toBe(message);
  });

  it('several things at once, a line each', () => {
    write('colour: 1\nlog:\n  levl: x\n');
    expect(refusal().split('\n')).toHaveLength(2);
  });

  it('an unknown variable, with what was probably meant', () => {
    expect(refusal({ TRIBUTARY_MEMORY_BUGDET: '1GiB' })).toBe('unknown variable TRIBUTARY_MEMORY_BUGDET; did you mean TRIBUTARY_MEMORY_BUDGET?');
    expect(refusal({ TRIBUTARY_CONFG: 'x' })).toBe('unknown variable TRIBUTARY_CONFG; did you mean TRIBUTARY_CONFIG?');
    expect(refusal({ TRIBUTARY_STORES_DEFAULT_ENDPONT: 'x' })).toBe('unknown variable TRIBUTARY_STORES_DEFAULT_ENDPONT; did you mean TRIBUTARY_STORES_DEFAULT_ENDPOINT?');
  });

  it('a bad value of a variable or a flag, by its name', () => {
    expect(refusal({ TRIBUTARY_WORKER_DATA_SLOTS: 'many' })).toBe('TRIBUTARY_WORKER_DATA_SLOTS: worker.dataSlots: expected number, received string');
    expect(refusal({}, [{ key: 'worker.queues', value: 'control,dta', flag: '--queues' }])).toBe('--queues: worker.queues.1: expected one of "control"|"data"');
    expect(refusal({ AWS_ENDPOINT_URL: 'nonsense' })).toBe('AWS_ENDPOINT_URL: stores.default.endpoint: must be an http:// or https:// URL');
  });
});

describe('secrets', () => {
  const keys = 'stores:\n  a:\n    credentials:\n      accessKeyId: env:A_KEY\n      secretAccessKey: file:FILE\n';

  it('are read from the variable and the file for the registry, and shown as references', () => {
    const secret = write('hunter2\n', 'secret');
    write(keys.replace('FILE', secret));
    const config = load({ A_KEY: 'AKIA1' });
    expect(config.stores()['a']?.credentials).toEqual({ accessKeyId: 'AKIA1', secretAccessKey: 'hunter2' });
    expect(JSON.stringify([config.entries, config.values])).not.toMatch(/hunter2|AKIA1/);
    expect(config.entries.find(({ key }) => key === 'stores.a.credentials.accessKeyId')?.value).toBe('env:A_KEY');
  });

  it('are refused in plain text, without being repeated', () => {
    write(keys.replace('file:FILE', 'hunter2'));
    const message = refusal({ A_KEY: 'AKIA1' });
    expect(message.replaceAll(`${cwd}/`, '')).toBe('tributary.yaml:5: stores.a.credentials.secretAccessKey: must be a reference, env:NAME or file:/path; secrets are not written into the configuration');
  });

  it('that are missing are an error only where the stores are needed', () => {
    write(keys.replace('FILE', join(cwd, 'nowhere')));
    expect(() => load().stores()).toThrow('stores.a.credentials.accessKeyId: the variable A_KEY is not set');
    expect(() => load({ A_KEY: 'k' }).stores()).toThrow('stores.a.credentials.secretAccessKey: the secret file cannot be read: ENOENT');
    write('', 'empty');
    write(keys.replace('FILE', join(cwd, 'empty')));
    expect(() => load({ A_KEY: 'k' }).stores()).toThrow('is empty');
  });

  it('leave profiles and roles as they are', () => {
    write('stores: {p: {credentials: {profile: x}}, r: {credentials: {roleArn: "arn:aws:iam::1:role/r", externalId: e}}}\n');
    expect(load().stores()).toMatchObject({ p: { credentials: { profile: 'x' } }, r: { credentials: { roleArn: 'arn:aws:iam::1:role/r', externalId: 'e' } } });
  });
});

describe('entries', () => {
  it('show every key with its value as written and where it came from', () => {
    write('memory:\n  budget: 300MiB\n');
    const config = load({ TRIBUTARY_LOG_LEVEL: 'debug' }, [{ key: 'temporal.address', value: 'h:1', flag: '--address' }]);
    const shown = Object.fromEntries(config.entries.map((entry) => [entry.key, [entry.value, formatOrigin(entry.origin).replace(`${cwd}/`, '')]]));
    expect(shown).toMatchObject({
      'memory.budget': ['300MiB', 'tributary.yaml:2'], 'log.level': ['debug', 'TRIBUTARY_LOG_LEVEL'], 'temporal.address': ['h:1', '--address'],
      'worker.queues': [['control', 'data'], 'default'], 'metrics.port': [null, 'default'], 'stores.default.adapter': ['auto', 'default'],
    });
  });
});
