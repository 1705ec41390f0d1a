/** Many objects in little time. */
import { link, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Buckets } from './buckets.ts';
import type { TestServer } from './versitygw.ts';

export interface Bulk {
  /** Puts objects there. @param objects the key of each, and the name of its content */
  fill(bucket: string, objects: Iterable<readonly [key: string, content: string]>): Promise<void>;
}

/**
 * Writes each content once, by the server. What is filled from it are hard links, which a server over a folder takes for objects of their
 * own, with the same ETag.
 * @param contents by name
 */
export async function openBulk(server: TestServer, buckets: Buckets, contents: ReadonlyMap<string, Buffer>): Promise<Bulk> {
  const pool = 'bulk-contents';
  await buckets.create(pool);
  await buckets.fill(pool, contents);
  return {
    fill: async (bucket, objects) => {
      const folders = new Set<string>();
      for (const [key, content] of objects) {
        const path = join(server.dataDir, bucket, key);
        const folder = dirname(path);
        if (!folders.has(folder)) await mkdir(folder, { recursive: true });
        folders.add(folder);
        await link(join(server.dataDir, pool, content), path);
      }
    },
  };
}
