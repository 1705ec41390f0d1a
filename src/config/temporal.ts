/**
 * Which Temporal server, and how to reach it: flags, then TEMPORAL_* variables, then temporal.toml (both read by Temporal's own
 * library, as the `temporal` CLI reads them), then `temporal:` of the configuration.
 */
import { loadClientConfigProfile, toClientOptions, type ClientConnectConfig } from '@temporalio/envconfig';
import { TributaryError } from '../contracts/errors.ts';
import type { ConfigEntry, ResolvedConfig } from './load.ts';

export interface TemporalSettings {
  /** `host:port`, or undefined where nobody names a server: then a job runs in local mode. */
  readonly address: string | undefined;
  readonly namespace: string;
  /** TLS, API key and headers, for `Connection.connect` and `NativeConnection.connect`. Holds secrets. */
  readonly connection: Omit<ClientConnectConfig['connectionOptions'], 'address'>;
}

/** Where a server listens unless somebody says otherwise. */
export const DEFAULT_TEMPORAL_ADDRESS = 'localhost:7233';

/** @throws TRB-INVALID-CONFIG where temporal.toml is broken, or lacks the profile that was asked for */
export function temporalSettings(config: ResolvedConfig): TemporalSettings {
  const { values: { temporal }, environment } = config;
  /** A key wins over the environment only where a flag set it. */
  const flagged = (key: 'address' | 'namespace' | 'profile'): string | undefined => (config.originOf(`temporal.${key}`).kind === 'flag' ? temporal[key] : undefined);
  const profile = flagged('profile') ?? environment.temporal.profile ?? temporal.profile;
  let found: ClientConnectConfig;
  try {
    found = toClientOptions(loadClientConfigProfile({ ...(profile === undefined ? {} : { profile }), overrideEnvVars: { ...environment.variables } }));
  } catch (error) {
    throw new TributaryError('TRB-INVALID-CONFIG', `the Temporal settings cannot be read: ${(error as Error).message}`, {}, { cause: error });
  }
  const { address, ...connection } = found.connectionOptions;
  return {
    address: flagged('address') ?? address ?? temporal.address,
    namespace: flagged('namespace') ?? found.namespace ?? temporal.namespace ?? 'default',
    connection,
  };
}

/**
 * The entries of the configuration, with the server that commands talk to: what Temporal's own library found goes before the file.
 * @throws as `temporalSettings`
 */
export function entriesInForce(config: ResolvedConfig): readonly ConfigEntry[] {
  const { address, namespace } = temporalSettings(config);
  const { variables, temporal: { profile } } = config.environment;
  const inForce: Readonly<Record<string, { readonly value: string | undefined; readonly variable: string }>> = {
    'temporal.address': { value: address, variable: 'TEMPORAL_ADDRESS' },
    'temporal.namespace': { value: namespace, variable: 'TEMPORAL_NAMESPACE' },
    'temporal.profile': { value: profile ?? config.values.temporal.profile, variable: 'TEMPORAL_PROFILE' },
  };
  return config.entries.map((entry) => {
    const { value, variable = '' } = inForce[entry.key] ?? {};
    if (value === undefined || entry.origin.kind === 'flag') return entry;
    if (variables[variable] !== undefined) return { ...entry, value, origin: { kind: 'environment', name: variable } };
    const isFound = value !== entry.value && !(entry.origin.kind === 'default' && value === 'default');
    return isFound ? { ...entry, value, origin: { kind: 'profile' } } : entry;
  });
}
