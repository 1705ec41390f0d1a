/**
 * What the process's environment says, typed. With the files of `file.ts` and `references.ts` this is the whole outside
 * configuration; no other room reads `process.env`. An empty variable counts as unset, as in the AWS and Temporal tools.
 */
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/** A value together with the variable it came from. */
export interface FromEnvironment { readonly value: string; readonly variable: string }

export interface Environment {
  readonly aws: {
    readonly endpoint: FromEnvironment | undefined;
    readonly region: FromEnvironment | undefined;
    readonly profile: string | undefined;
    /** Whether an access key and its secret are in the environment. */
    readonly hasKeys: boolean;
  };
  readonly temporal: {
    readonly address: string | undefined;
    readonly namespace: string | undefined;
    readonly profile: string | undefined;
    readonly configFile: string | undefined;
    /** Worker deployment and build, set by whoever deploys: workers are versioned where both are there. */
    readonly deploymentName: string | undefined;
    readonly buildId: string | undefined;
  };
  readonly paths: {
    readonly home: string;
    /** `$XDG_STATE_HOME/tributary`: the embedded server's data, and who serves it. */
    readonly state: string;
    /** `$XDG_CACHE_HOME/tributary`: programs and bundles, can be deleted at any time. */
    readonly cache: string;
    /** `$XDG_CONFIG_HOME/tributary/tributary.yaml`. */
    readonly userConfig: string;
    /** TRIBUTARY_CONFIG. */
    readonly config: string | undefined;
    readonly temporalBin: string | undefined;
    readonly versitygwBin: string | undefined;
    /** PATH, as a list. */
    readonly search: readonly string[];
  };
  readonly proxy: { readonly http: string | undefined; readonly https: string | undefined; readonly none: string | undefined };
  readonly terminal: { readonly noColor: boolean; readonly forceColor: boolean; readonly dumb: boolean };
  /** TRIBUTARY_* variables that set keys of the configuration. */
  readonly settings: Readonly<Record<string, string>>;
  /** Every variable, for child processes and for `env:` references. */
  readonly variables: Readonly<Record<string, string>>;
}

/** Variables of ours that name paths instead of keys of the configuration. */
export const PATH_VARIABLES = ['TRIBUTARY_CONFIG', 'TRIBUTARY_TEMPORAL_BIN', 'TRIBUTARY_VERSITYGW_BIN'] as const;

/** Reads the environment once. Never fails: whether a value makes sense is for `loadConfig` to say. */
export function readEnvironment(env: NodeJS.ProcessEnv = process.env): Environment {
  const variables: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) if (value !== undefined && value !== '') variables[name] = value;
  const first = (...names: string[]): FromEnvironment | undefined => {
    for (const variable of names) {
      const value = variables[variable];
      if (value !== undefined) return { value, variable };
    }
    return undefined;
  };
  const text = (...names: string[]): string | undefined => first(...names)?.value;
  const home = text('HOME', 'USERPROFILE') ?? homedir();
  // XDG: a relative path is invalid and to be ignored.
  const xdg = (name: string, fallback: string): string => {
    const value = text(name);
    return join(value?.startsWith('/') === true ? value : join(home, fallback), 'tributary');
  };
  const path = (name: string): string | undefined => {
    const value = text(name);
    return value === undefined ? undefined : resolve(value);
  };
  const forceColor = text('FORCE_COLOR');
  const pathVariables: readonly string[] = PATH_VARIABLES;
  return {
    aws: {
      endpoint: first('AWS_ENDPOINT_URL_S3', 'AWS_ENDPOINT_URL'),
      region: first('AWS_REGION', 'AWS_DEFAULT_REGION'),
      profile: text('AWS_PROFILE'),
      hasKeys: text('AWS_ACCESS_KEY_ID') !== undefined && text('AWS_SECRET_ACCESS_KEY') !== undefined,
    },
    temporal: {
      address: text('TEMPORAL_ADDRESS'),
      namespace: text('TEMPORAL_NAMESPACE'),
      profile: text('TEMPORAL_PROFILE'),
      configFile: text('TEMPORAL_CONFIG_FILE'),
      deploymentName: text('TEMPORAL_DEPLOYMENT_NAME'),
      buildId: text('TEMPORAL_WORKER_BUILD_ID'),
    },
    paths: {
      home,
      state: xdg('XDG_STATE_HOME', '.local/state'),
      cache: xdg('XDG_CACHE_HOME', '.cache'),
      userConfig: join(xdg('XDG_CONFIG_HOME', '.config'), 'tributary.yaml'),
      config: path('TRIBUTARY_CONFIG'),
      temporalBin: path('TRIBUTARY_TEMPORAL_BIN'),
      versitygwBin: path('TRIBUTARY_VERSITYGW_BIN'),
      search: (text('PATH') ?? '').split(':').filter((folder) => folder !== ''),
    },
    proxy: { http: text('HTTP_PROXY', 'http_proxy'), https: text('HTTPS_PROXY', 'https_proxy'), none: text('NO_PROXY', 'no_proxy') },
    terminal: {
      noColor: text('NO_COLOR') !== undefined,
      forceColor: forceColor !== undefined && forceColor !== '0' && forceColor !== 'false',
      dumb: text('TERM') === 'dumb',
    },
    settings: Object.fromEntries(Object.entries(variables).filter(([name]) => name.startsWith('TRIBUTARY_') && !pathVariables.includes(name))),
    variables,
  };
}
