/** From the configuration of a store to the store: which clients serve it, with which credentials, and by which way. */
import type { StoreConfig } from '../contracts/config.ts';
import { createCredentials, rememberCredentials } from './aws/credentials.ts';
import { resolveEndpoint } from './aws/endpoint.ts';
import { createAwsStore } from './aws/store.ts';
import { createAutoStore, type Client } from './auto-store.ts';
import type { ObjectStore } from './object-store.ts';
import { usesProxy, type ProxySettings } from './proxy.ts';
import { FallbackError } from './socket/failure.ts';
import { createSocketStore, type HotStore } from './socket/socket-store.ts';

export interface ConnectOptions {
  /** Whether an endpoint of the AWS profile holds for this store, where it has none of its own. */
  readonly useEnvironmentEndpoint: boolean;
  readonly proxy?: ProxySettings | undefined;
  /** Told for each call which client gave the answer. */
  readonly onServed?: ((client: Client) => void) | undefined;
}

/** Connections are made at the first call. */
export function connectStore(name: string, config: StoreConfig, options: ConnectOptions): ObjectStore {
  const { useEnvironmentEndpoint, proxy, onServed } = options;
  const credentials = rememberCredentials(createCredentials(config));
  const sdk = createAwsStore(name, config, { useEnvironmentEndpoint, credentials: async () => credentials(), proxy });

  const openLean = async (): Promise<HotStore> => {
    if (config.adapter === 'sdk') throw new FallbackError('the configuration asks for the SDK');
    const { endpoint, region } = await resolveEndpoint(config, useEnvironmentEndpoint);
    if (usesProxy(endpoint, proxy)) throw new FallbackError('a proxy stands before the store');
    return createSocketStore(name, { endpoint, region, pathStyle: config.pathStyle ?? config.endpoint !== undefined }, credentials);
  };
  return createAutoStore(sdk, { openLean, strict: config.adapter === 'socket', ...(onServed && { onServed }) });
}
