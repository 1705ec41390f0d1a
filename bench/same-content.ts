/** Whether what a contender wrote is what it should be: for each directory the size and the CRC32 of all its chunks in key order. */
import { crc32 } from '@node-rs/crc32';
import { CONTROL_FOLDER } from '../src/contracts/names.ts';
import { combineCrc32 } from '../src/core/crc32.ts';
import type { ListedObject } from '../src/stores/object-store.ts';
import { Contents, directoryName, prefixOf, type DataSet } from './data-sets.ts';
import type { BenchServer } from './servers.ts';
import { chunksOf } from './work.ts';

interface Content { readonly sizeBytes: number; readonly crc32: number }

const READ_BYTES = 16 * 2 ** 20;

/** @throws that names the first directory that differs */
export async function checkContent(server: BenchServer, set: DataSet, seed: number): Promise<void> {
  const expected = new Map<string, Content>();
  for (const chunk of chunksOf(set, new Contents(set, seed))) append(expected, directoryOf(chunk.key, set), chunk);
  const found = new Map<string, Content>();
  const into = Buffer.allocUnsafe(READ_BYTES);
  for await (const object of writtenObjects(server, set)) append(found, directoryOf(object.key, set), await contentOf(server, object, into));
  for (let directory = 0; directory < set.directories; directory += 1) {
    const name = directoryName(directory);
    const [is, should] = [found.get(name), expected.get(name)];
    if (is?.sizeBytes !== should?.sizeBytes || is?.crc32 !== should?.crc32) {
      throw new Error(`${set.name}/${name} has other bytes than its sources: ${JSON.stringify(is)} where ${JSON.stringify(should)} was expected`);
    }
  }
}

/** What is in the target, but for control data, in key order. */
async function* writtenObjects({ store, place }: BenchServer, set: DataSet): AsyncGenerator<ListedObject> {
  for (let continuationToken: string | undefined; ;) {
    const { objects, next } = await store.list({ bucket: place.targetBucket, prefix: prefixOf(set), continuationToken });
    for (const object of objects) if (!object.key.includes(CONTROL_FOLDER)) yield object;
    if (next === undefined) return;
    continuationToken = next;
  }
}

async function contentOf({ store, place }: BenchServer, { key, sizeBytes, etag }: ListedObject, into: Buffer): Promise<Content> {
  let sum = 0;
  for (let offset = 0; offset < sizeBytes; offset += READ_BYTES) {
    const lengthBytes = Math.min(READ_BYTES, sizeBytes - offset);
    await store.readInto({ bucket: place.targetBucket, key, ifMatch: etag, offset, lengthBytes, sizeBytes }, into);
    sum = crc32(into.subarray(0, lengthBytes), sum);
  }
  return { sizeBytes, crc32: sum };
}

function append(contents: Map<string, Content>, directory: string, { sizeBytes, crc32: sum }: Content): void {
  const before = contents.get(directory) ?? { sizeBytes: 0, crc32: 0 };
  contents.set(directory, { sizeBytes: before.sizeBytes + sizeBytes, crc32: combineCrc32(before.crc32, sum, sizeBytes) });
}

function directoryOf(key: string, set: DataSet): string {
  return key.slice(prefixOf(set).length).split('/')[0] ?? '';
}
