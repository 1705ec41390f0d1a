/** What is in the buckets, by another S3 client than the one under test: the AWS SDK as it comes. */
import {
  CreateBucketCommand, DeleteObjectCommand, GetObjectCommand, HeadObjectCommand, ListMultipartUploadsCommand, paginateListObjectsV2, PutObjectCommand, S3Client, type HeadObjectCommandOutput,
} from '@aws-sdk/client-s3';
import pLimit from 'p-limit';
import { CONTROL_FOLDER } from '../../src/contracts/names.ts';
import type { Account } from './versitygw.ts';

const PARALLEL = 16;

export interface Listed { readonly key: string; readonly sizeBytes: number; readonly etag: string }

export interface Buckets {
  create(...buckets: readonly string[]): Promise<void>;
  /** Writes every object; keys are relative to `prefix`. */
  fill(bucket: string, objects: ReadonlyMap<string, Buffer>, prefix?: string): Promise<void>;
  put(bucket: string, key: string, body: Buffer | string): Promise<void>;
  /** Everything under a prefix, in the order of the listing. */
  list(bucket: string, prefix?: string): Promise<readonly Listed[]>;
  /** Contents under a prefix by key relative to it, without control data. */
  read(bucket: string, prefix?: string): Promise<Map<string, Buffer>>;
  get(bucket: string, key: string): Promise<Buffer>;
  head(bucket: string, key: string): Promise<HeadObjectCommandOutput>;
  remove(bucket: string, key: string): Promise<void>;
  openUploads(bucket: string): Promise<readonly string[]>;
  close(): void;
}

export function openBuckets(endpoint: string, credentials: Account): Buckets {
  const client = new S3Client({ endpoint, region: 'us-east-1', credentials: { ...credentials }, forcePathStyle: true });
  const limit = pLimit(PARALLEL);
  const get = async (bucket: string, key: string): Promise<Buffer> => {
    const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
    return Buffer.from(await Body!.transformToByteArray());
  };
  const put = async (bucket: string, key: string, body: Buffer | string): Promise<void> => {
    await client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: body }));
  };
  const list = async (bucket: string, prefix = ''): Promise<Listed[]> => {
    const listed: Listed[] = [];
    for await (const page of paginateListObjectsV2({ client }, { Bucket: bucket, Prefix: prefix })) {
      for (const { Key, Size, ETag } of page.Contents ?? []) listed.push({ key: Key!, sizeBytes: Size!, etag: ETag ?? '' });
    }
    return listed;
  };
  return {
    create: async (...buckets) => {
      for (const bucket of buckets) await client.send(new CreateBucketCommand({ Bucket: bucket }));
    },
    fill: async (bucket, objects, prefix = '') => {
      await Promise.all([...objects].map(([key, body]) => limit(() => put(bucket, `${prefix}${key}`, body))));
    },
    put, list, get,
    read: async (bucket, prefix = '') => {
      const keys = (await list(bucket, prefix)).map(({ key }) => key).filter((key) => !key.includes(CONTROL_FOLDER));
      return new Map(await Promise.all(keys.map((key) => limit(async () => [key.slice(prefix.length), await get(bucket, key)] as const))));
    },
    head: (bucket, key) => client.send(new HeadObjectCommand({ Bucket: bucket, Key: key })),
    remove: async (bucket, key) => { await client.send(new DeleteObjectCommand({ Bucket: bucket, Key: key })); },
    openUploads: async (bucket) => {
      const { Uploads } = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
      return (Uploads ?? []).map(({ Key }) => Key!);
    },
    close: () => { client.destroy(); },
  };
}
