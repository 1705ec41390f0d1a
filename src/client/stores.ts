/** The command's own use of S3: the stores that its configuration names, or those of `tributary dev`. Loaded where it is needed. */
import type { StoreConfig } from '../contracts/config.ts';
import { isTributaryError } from '../contracts/errors.ts';
import type { Encryption } from '../contracts/merge.ts';
import type { ObjectStore } from '../stores/object-store.ts';
import type { StoreRegistry } from '../stores/registry.ts';

/** How long a person waits for a store before it is called unreachable. */
const PATIENCE_MS = 5_000;

/** Opens the stores for the time of `use`. */
export async function withStores<T>(stores: Readonly<Record<string, StoreConfig>>, use: (open: (name: string, encryption?: Encryption) => ObjectStore, registry: StoreRegistry) => Promise<T>): Promise<T> {
  const { createRegistry } = await import('../stores/create-registry.ts');
  const registry = createRegistry(stores);
  try {
    return await use((name, encryption) => registry.session(name, { patience: PATIENCE_MS, encryption }).store, registry);
  } finally {
    registry.close();
  }
}

/** @returns whether the bucket had to be created */
export async function ensureBucket(store: ObjectStore, bucket: string): Promise<boolean> {
  try {
    await store.headBucket(bucket);
    return false;
  } catch (error) {
    if (!isTributaryError(error) || error.code !== 'TRB-NO-SUCH-BUCKET') throw error;
    await store.createBucket(bucket);
    return true;
  }
}
