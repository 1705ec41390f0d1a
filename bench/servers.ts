/** The S3 servers of a bench, each a process of its own, empty at its start and gone at its end. */
import { link, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { crc32 } from '@node-rs/crc32';
import { ensureVersitygwBinary } from '../src/client/services/ensure-program.ts';
import { startVersitygw } from '../src/client/services/versitygw.ts';
import { combineCrc32 } from '../src/core/crc32.ts';
import { createAwsStore } from '../src/stores/aws/store.ts';
import type { ObjectStore } from '../src/stores/object-store.ts';
import { storeConfig } from '../src/contracts/config.ts';
import { startChild } from './calls.ts';
import { Contents, sourcesOf, VARIANTS, type DataSet } from './data-sets.ts';
import type { LeanHandlers } from './lean-main.ts';
import type { Place } from './moving-clients.ts';
import { PART_BYTES } from './work.ts';

export const SERVER_NAMES = ['versitygw', 'lean'] as const;
export type ServerName = (typeof SERVER_NAMES)[number];

export interface BenchServer {
  readonly name: ServerName;
  readonly title: string;
  readonly place: Place;
  readonly endpoint: string;
  /** Another client than those that are measured. */
  readonly store: ObjectStore;
  /** Puts a set there. @returns the ETag of each variant */
  fill(set: DataSet, seed: number): Promise<readonly string[]>;
  /** Whether what is written from now on can be read again. */
  keepContent(keeps: boolean): Promise<void>;
  clearTarget(): Promise<void>;
  stop(): Promise<void>;
}

const SOURCE = 'source';
const TARGET = 'target';
const ACCOUNT = { accessKeyId: 'bench', secretAccessKey: 'bench-secret' };
const REGION = 'us-east-1';
const MEMORY = '/dev/shm';

export function startServer(name: ServerName): Promise<BenchServer> {
  return name === 'lean' ? startLean() : startReal();
}

function facts(endpoint: string): Pick<BenchServer, 'place' | 'endpoint' | 'store'> {
  const store = createAwsStore('bench', { ...storeConfig.parse({ endpoint, region: REGION }), credentials: { ...ACCOUNT } });
  return { endpoint, store, place: { port: Number(new URL(endpoint).port), region: REGION, ...ACCOUNT, sourceBucket: SOURCE, targetBucket: TARGET } };
}

async function startLean(): Promise<BenchServer> {
  const child = startChild<LeanHandlers>(join(import.meta.dirname, 'lean-main.ts'));
  const port = await child.call('listen', null);
  for (const bucket of [SOURCE, TARGET]) await child.call('addBucket', bucket);
  const { store, ...rest } = facts(`http://127.0.0.1:${port}`);
  return {
    name: 'lean', title: 'lean server (in memory, hashes nothing)', store, ...rest,
    fill: ({ name }, seed) => child.call('addSources', { bucket: SOURCE, set: name, seed }),
    keepContent: async (keeps) => { await child.call('keepContent', keeps); },
    clearTarget: async () => { await child.call('clear', { bucket: TARGET, prefix: '' }); },
    stop: async () => {
      store.close();
      child.stop();
    },
  };
}

/** versitygw over memory. Contents are written once, through it; every source is a hard link to one, which it takes for an object of its own. */
async function startReal(): Promise<BenchServer> {
  const binary = await ensureVersitygwBinary({ onProgress: (line) => process.stderr.write(`${line}\n`) });
  const root = await mkdtemp(join(existsSync(MEMORY) ? MEMORY : tmpdir(), 'tributary-bench-'));
  const directory = join(root, 'data');
  const bucket = (name: string): string => join(directory, name);
  for (const name of [SOURCE, TARGET, 'contents']) await mkdir(bucket(name), { recursive: true });
  const server = await startVersitygw({ binary, directory, logFile: join(root, 'server.log'), ...ACCOUNT });
  const { store, ...rest } = facts(server.endpoint);
  return {
    name: 'versitygw', title: 'versitygw (real, over memory)', store, ...rest,
    fill: async (set, seed) => {
      const contents = new Contents(set, seed);
      const keyOf = (variant: number): string => `${set.name.replace('/', '-')}-${variant}`;
      const etags: string[] = [];
      const variants = Math.min(VARIANTS, set.directories * set.objectsPerDirectory);
      for (let variant = 0; variant < variants; variant += 1) etags.push(await upload(store, keyOf(variant), set, contents, variant));
      const folders = new Set<string>();
      for (const { key, variant } of sourcesOf(set)) {
        const path = join(bucket(SOURCE), key);
        const folder = dirname(path);
        if (!folders.has(folder)) await mkdir(folder, { recursive: true });
        folders.add(folder);
        await link(join(bucket('contents'), keyOf(variant)), path);
      }
      return etags;
    },
    keepContent: async () => undefined,
    clearTarget: async () => {
      await rm(bucket(TARGET), { recursive: true, force: true });
      await mkdir(bucket(TARGET));
    },
    stop: async () => {
      store.close();
      await server.stop();
      await rm(root, { recursive: true, force: true });
    },
  };
}

async function upload(store: ObjectStore, key: string, set: DataSet, contents: Contents, variant: number): Promise<string> {
  const to = { bucket: 'contents', key };
  if (set.gzip || set.objectBytes <= PART_BYTES) {
    const whole = contents.stored(variant);
    return (await store.put({ ...to, body: { views: [whole], sizeBytes: whole.length, crc32: crc32(whole) } })).etag;
  }
  const { uploadId } = await store.createUpload(to);
  const parts: { readonly partNumber: number; readonly etag: string; readonly crc32: number }[] = [];
  let whole = 0;
  for (let from = 0; from < set.objectBytes; from += PART_BYTES) {
    const views = [...contents.slices(variant, from, Math.min(set.objectBytes, from + PART_BYTES))];
    const sizeBytes = views.reduce((sum, view) => sum + view.length, 0);
    const sum = views.reduce((before, view) => crc32(view, before), 0);
    const partNumber = parts.length + 1;
    const { etag } = await store.uploadPart({ ...to, uploadId, partNumber, body: { views, sizeBytes, crc32: sum } });
    parts.push({ partNumber, etag, crc32: sum });
    whole = combineCrc32(whole, sum, sizeBytes);
  }
  return (await store.completeUpload({ ...to, uploadId, parts, sizeBytes: set.objectBytes, crc32: whole })).etag;
}
