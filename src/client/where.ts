/** Which Temporal server a command talks to, and which S3 service it sees: a cluster, a running `tributary dev`, or the embedded server. */
import type { ResolvedConfig } from '../config/load.ts';
import { temporalSettings, type TemporalSettings } from '../config/temporal.ts';
import type { StoreConfig } from '../contracts/config.ts';
import { DEFAULT_STORE } from '../contracts/location.ts';
import { embeddedDirectory } from './local/embedded-directory.ts';
import { listDevs, type DevState } from './local/state.ts';

export type Where =
  | { readonly kind: 'cluster'; readonly temporal: TemporalSettings }
  | { readonly kind: 'dev'; readonly temporal: TemporalSettings; readonly dev: DevState }
  | { readonly kind: 'embedded'; readonly directory: string };

/** A flag, a variable, temporal.toml or the configuration names a cluster. Else it is local mode. */
export async function findWhere(config: ResolvedConfig): Promise<Where> {
  const temporal = temporalSettings(config);
  if (temporal.address !== undefined) return { kind: 'cluster', temporal };
  for (const { state, alive } of await listDevs(config.environment.paths.state)) {
    if (alive && seesStoreOf(config, state)) return { kind: 'dev', temporal: { ...temporal, address: state.temporal.address }, dev: state };
  }
  return { kind: 'embedded', directory: embeddedDirectory(config.environment, defaultStore(config).endpoint) };
}

/** The stores that a command sees: with `tributary dev`, and nothing else said, its S3 server. @throws TRB-INVALID-CONFIG */
export function storesOf(config: ResolvedConfig, where: Where): Readonly<Record<string, StoreConfig>> {
  return where.kind === 'dev' ? { ...config.stores(), [DEFAULT_STORE]: devStore(where.dev.s3) } : config.stores();
}

export function devStore({ endpoint, region, accessKeyId, secretAccessKey }: Omit<DevState['s3'], 'pid' | 'program'>): StoreConfig {
  return { endpoint, region, pathStyle: true, credentials: { accessKeyId, secretAccessKey }, adapter: 'auto', createOnce: 'probe' };
}

const defaultStore = (config: ResolvedConfig): Partial<StoreConfig> => config.values.stores[DEFAULT_STORE] ?? {};

/** `dev` serves those who name its S3 server, and those who name none. Whoever means another one must not be served by its worker. */
function seesStoreOf(config: ResolvedConfig, dev: DevState): boolean {
  const { endpoint, credentials } = defaultStore(config);
  if (endpoint !== undefined) return endpoint.replace(/\/$/, '') === dev.s3.endpoint;
  const { hasKeys, profile } = config.environment.aws;
  return !hasKeys && profile === undefined && credentials === undefined;
}
