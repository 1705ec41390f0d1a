/**
 * The configuration of a process: flags over TRIBUTARY_* variables over the file over the AWS environment (for the store
 * `default`) over the defaults of the schema. Each key remembers where its value came from.
 */
import { configSchema, type Config, type StoreConfig } from '../contracts/config.ts';
import { TributaryError } from '../contracts/errors.ts';
import { DEFAULT_STORE } from '../contracts/location.ts';
import { didYouMean } from '../contracts/suggest.ts';
import { PATH_VARIABLES, readEnvironment, type Environment } from './environment.ts';
import { findConfigFile, readConfigFile } from './file.ts';
import { describeIssues } from './issues.ts';
import { ANY, CONFIG_KEYS, fromText, keyAt, pathOf, variableOf } from './keys.ts';
import { resolveStores } from './references.ts';
import type { Origin, Setting } from './settings.ts';

/** A key of the configuration that a flag sets: `{key: 'temporal.address', value: 'host:7233', flag: '--address'}`. */
export interface FlagSetting { readonly key: string; readonly value: unknown; readonly flag: string }

/** A line of `tributary config`. `value` is null where neither anybody nor a default sets the key. */
export interface ConfigEntry { readonly key: string; readonly value: unknown; readonly origin: Origin; readonly description: string | undefined }

export interface ResolvedConfig {
  /** Parsed: sizes in bytes, durations in milliseconds. Secrets are references. */
  readonly values: Config;
  readonly file: string | null;
  readonly environment: Environment;
  /** Every key in the order of the schema, values as written. */
  readonly entries: readonly ConfigEntry[];
  /** Where a key's value came from. */
  originOf(key: string): Origin;
  /** The stores with secrets in place of references: for the registry only. @throws TRB-INVALID-CONFIG */
  stores(): Readonly<Record<string, StoreConfig>>;
}

export interface LoadOptions {
  /** `--config`. */
  readonly file?: string | undefined;
  readonly environment?: Environment;
  readonly flags?: readonly FlagSetting[];
  readonly cwd?: string;
}

const DEFAULT: Origin = { kind: 'default' };

/** The region serves every store that says nothing else; the endpoint `default` only, so that a store can still be AWS itself. */
function fromAws({ aws }: Environment, storeNames: readonly string[]): Setting[] {
  const origin = (variable: string): Origin => ({ kind: 'environment', name: variable });
  const { endpoint, region } = aws;
  return [
    ...(endpoint ? [{ path: ['stores', DEFAULT_STORE, 'endpoint'], value: endpoint.value, origin: origin(endpoint.variable) }] : []),
    ...(region ? storeNames.map((name) => ({ path: ['stores', name, 'region'], value: region.value, origin: origin(region.variable) })) : []),
  ];
}

function fromVariables({ settings }: Environment, storeNames: readonly string[]): Setting[] {
  const problems: string[] = [];
  const found = Object.entries(settings).flatMap(([name, text]): Setting[] => {
    const path = pathOf(name);
    const key = path && keyAt(path);
    if (!path || !key) {
      const known = CONFIG_KEYS.flatMap((one) => storeNames.map((store) => variableOf(one.path.map((part) => (part === ANY ? store : part)))));
      problems.push(`unknown variable ${name}${didYouMean(name, [...known, ...PATH_VARIABLES])}`);
      return [];
    }
    return [{ path, value: fromText(key, text), origin: { kind: 'environment', name } }];
  });
  if (problems.length > 0) throw new TributaryError('TRB-INVALID-CONFIG', problems.join('\n'));
  return found;
}

function fromFlags(flags: readonly FlagSetting[]): Setting[] {
  return flags.map(({ key: name, value, flag }) => {
    const path = name.split('.');
    const key = keyAt(path);
    if (!key) throw new TributaryError('TRB-INVALID-CONFIG', `${flag}: unknown key ${name}${didYouMean(name, CONFIG_KEYS.map((one) => one.path.join('.')))}`);
    return { path, value: typeof value === 'string' ? fromText(key, value) : value, origin: { kind: 'flag', name: flag } };
  });
}

function storesOf(settings: readonly Setting[]): readonly string[] {
  return [...new Set([DEFAULT_STORE, ...settings.flatMap(({ path }) => (path[0] === 'stores' && path[1] !== undefined ? [path[1]] : []))])];
}

function asTree(settings: Iterable<Setting>): Record<string, unknown> {
  const tree: Record<string, unknown> = {};
  for (const { path, value } of settings) {
    let node = tree;
    for (const part of path.slice(0, -1)) node = (node[part] ??= {}) as Record<string, unknown>;
    node[path.at(-1) ?? ''] = value;
  }
  return tree;
}

/**
 * Loads and checks the configuration. The store `default` is always there.
 * @throws TRB-INVALID-CONFIG: unknown keys and variables, values that do not fit, each on a line of its own that names the place
 */
export function loadConfig({ file: named, environment = readEnvironment(), flags = [], cwd = process.cwd() }: LoadOptions = {}): ResolvedConfig {
  const file = findConfigFile(named, environment, cwd);
  const written = file === null ? [] : readConfigFile(file);
  const overrides = [...fromVariables(environment, storesOf(written)), ...fromFlags(flags)];
  const chosen = [...written, ...overrides];

  const settings = new Map<string, Setting>();
  for (const setting of [...fromAws(environment, storesOf(chosen)), ...chosen]) settings.set(setting.path.join('.'), setting);

  const tree = asTree(settings.values());
  const stores = (tree['stores'] ??= {}) as Record<string, unknown>;
  stores[DEFAULT_STORE] ??= {};
  const parsed = configSchema.safeParse(tree);
  if (!parsed.success) {
    throw new TributaryError('TRB-INVALID-CONFIG', describeIssues(parsed.error.issues, [...settings.values()]), file === null ? {} : { file });
  }
  const values = parsed.data;

  const entryOf = (path: readonly string[]): ConfigEntry => {
    const setting = settings.get(path.join('.'));
    const key = keyAt(path);
    return { key: path.join('.'), value: setting?.value ?? key?.fallback ?? null, origin: setting?.origin ?? DEFAULT, description: key?.description };
  };
  const storeNames = Object.keys(values.stores);
  const storeEntries = storeNames.flatMap((name) => CONFIG_KEYS.filter(({ path }) => path.includes(ANY)).map(({ path }) => entryOf(path.map((part) => (part === ANY ? name : part)))));
  const plainEntries = CONFIG_KEYS.filter(({ path }) => !path.includes(ANY)).map(({ path }) => entryOf(path));
  return {
    values,
    file,
    environment,
    // What a store could also have is many lines that say nothing; the rest is short enough to show what there is.
    entries: [...storeEntries.filter(({ value }) => value !== null), ...plainEntries],
    originOf: (key) => settings.get(key)?.origin ?? DEFAULT,
    stores: () => resolveStores(values, environment),
  };
}
