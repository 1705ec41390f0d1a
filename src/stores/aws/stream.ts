import { Readable } from 'node:stream';
import type { S3Client } from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import type { StreamRequest } from '../object-store.ts';
import { outputParameters } from './output.ts';

/** The smallest that S3 takes: 10,000 of them are 48 GiB of records. */
const PART_BYTES = 5 * 2 ** 20;

/** One PutObject where all of it fits a part, else a multipart upload, which is aborted where anything fails. Every request carries a CRC32. */
export async function putStream(s3: S3Client, { bucket, key, content, output }: StreamRequest, signal: AbortSignal | undefined): Promise<void> {
  const body = Readable.from(content(), { objectMode: false });
  const upload = new Upload({ client: s3, params: { Bucket: bucket, Key: key, Body: body, ChecksumAlgorithm: 'CRC32', ...outputParameters(output, undefined) }, partSize: PART_BYTES, queueSize: 1 });
  const abort = (): void => { void upload.abort(); };
  signal?.addEventListener('abort', abort, { once: true });
  try {
    await upload.done();
  } finally {
    signal?.removeEventListener('abort', abort);
    body.destroy();
  }
}
