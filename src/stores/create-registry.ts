/** The stores of a process, from its configuration. A store is connected at its first use; its governor is shared by all its sessions. */
import type { StoreConfig } from '../contracts/config.ts';
import { TributaryError } from '../contracts/errors.ts';
import { DEFAULT_STORE } from '../contracts/location.ts';
import type { Client } from './auto-store.ts';
import { classifyStoreError } from './classify.ts';
import { systemClock, type Clock } from './clock.ts';
import { connectStore } from './connect-store.ts';
import { Governor } from './governor.ts';
import type { ObjectStore } from './object-store.ts';
import type { ProxySettings } from './proxy.ts';
import type { StoreRegistry } from './registry.ts';
import { withRetries, type RequestObserver } from './retrying-store.ts';

export interface RegistryDeps {
  /** Makes the store of a name; tests bring their own. Default: the adapter that the configuration asks for. */
  readonly connect?: (name: string, config: StoreConfig) => ObjectStore;
  readonly clock?: Clock;
  /** In [0, 1). */
  readonly random?: () => number;
  /** Proxies of the environment. */
  readonly proxy?: ProxySettings;
  /** Told of every request, for metrics. */
  readonly observe?: RequestObserver;
  /** Told for each call which client gave the answer, for metrics. */
  readonly onServed?: (store: string, client: Client) => void;
}

interface Connected { readonly store: ObjectStore; readonly governor: Governor }

/** @param stores configurations by name, with secrets in place of references */
export function createRegistry(stores: Readonly<Record<string, StoreConfig>>, deps: RegistryDeps = {}): StoreRegistry {
  const { clock = systemClock, random = Math.random, proxy, observe, onServed } = deps;
  const connect = deps.connect ?? ((name, config) => connectStore(name, config, {
    useEnvironmentEndpoint: name === DEFAULT_STORE, proxy, onServed: onServed && ((client) => onServed(name, client)),
  }));
  const connected = new Map<string, Connected>();

  const configOf = (name: string): StoreConfig => {
    const config = Object.hasOwn(stores, name) ? stores[name] : undefined;
    if (config) return config;
    throw new TributaryError('TRB-UNKNOWN-STORE', `there is no store "${name}"; the configuration has ${Object.keys(stores).join(', ') || 'none'}`, { store: name });
  };
  const connection = (name: string): Connected => {
    const existing = connected.get(name);
    if (existing) return existing;
    const config = configOf(name);
    const made = { store: connect(name, config), governor: new Governor({ clock, requestsPerSecond: config.requestsPerSecond }) };
    connected.set(name, made);
    return made;
  };

  return {
    names: () => Object.keys(stores),
    session: (name, options) => {
      const { store, governor } = connection(name);
      return withRetries(store, options, { governor, clock, random, observe });
    },
    createOnce: (name) => {
      const { createOnce } = configOf(name);
      return createOnce === 'probe' ? undefined : createOnce === 'yes';
    },
    ping: async (timeoutMs) => {
      const signal = AbortSignal.timeout(timeoutMs);
      const answers = await Promise.all(Object.keys(stores).map(async (name) => [name, await pingStore(name, () => connection(name).store, signal, timeoutMs)] as const));
      return Object.fromEntries(answers);
    },
    close: () => {
      for (const { store } of connected.values()) store.close();
      connected.clear();
    },
  };
}

/** A bucket that nobody has: any answer of the service about it shows that the service answers. */
const PING_BUCKET = 'tributary-ping';

async function pingStore(name: string, store: () => ObjectStore, signal: AbortSignal, timeoutMs: number): Promise<TributaryError | null> {
  try {
    await store().list({ bucket: PING_BUCKET, prefix: '', maxKeys: 1 }, { signal });
    return null;
  } catch (thrown) {
    if (signal.aborted) return new TributaryError('TRB-STORE-UNREACHABLE', `store ${name} gave no answer within ${timeoutMs} ms`, { store: name }, { cause: thrown });
    const error = classifyStoreError(thrown, { store: name, bucket: PING_BUCKET, operation: 'list' });
    const answered = error.code === 'TRB-NO-SUCH-BUCKET' || error.code === 'TRB-ACCESS-DENIED' || error.context.storeCode === 'PermanentRedirect';
    return answered ? null : error;
  }
}
