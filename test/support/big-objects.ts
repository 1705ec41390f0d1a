/**
 * Objects of gigabytes, written behind the back of a server over a folder: the server makes an object of one byte, with its ETag, and the
 * file it lies in is filled afterwards. The server lists the size that the file has.
 */
import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Buckets } from './buckets.ts';
import type { TestServer } from './versitygw.ts';

/** @param blocks the content, piece by piece */
export async function putBig(server: TestServer, buckets: Buckets, bucket: string, key: string, blocks: Iterable<Buffer>): Promise<void> {
  await buckets.put(bucket, key, 'x');
  const file = await open(join(server.dataDir, bucket, key), 'r+');
  try {
    let at = 0;
    for (const block of blocks) {
      await file.write(block, 0, block.length, at);
      at += block.length;
    }
  } finally {
    await file.close();
  }
}

export interface Digest {
  readonly sha256: string;
  /** Lines in each object. */
  readonly lines: readonly number[];
}

/**
 * The concatenation of objects, as a merge makes it: one that lacks a final newline gets one. Read from the server's folder, and never held
 * as a whole.
 */
export async function digestOf(server: TestServer, bucket: string, keys: readonly string[]): Promise<Digest> {
  const hash = createHash('sha256');
  const lines: number[] = [];
  for (const key of keys) lines.push(await addFile(hash, join(server.dataDir, bucket, key)));
  return { sha256: hash.digest('hex'), lines };
}

async function addFile(hash: Hash, path: string): Promise<number> {
  let lines = 0;
  let last = LF;
  for await (const bytes of createReadStream(path, { highWaterMark: 2 ** 20 }) as AsyncIterable<Buffer>) {
    hash.update(bytes);
    last = bytes.at(-1) ?? last;
    for (let at = bytes.indexOf(LF); at !== -1; at = bytes.indexOf(LF, at + 1)) lines += 1;
  }
  if (last === LF) return lines;
  hash.update('\n');
  return lines + 1;
}

const LF = 0x0a;
