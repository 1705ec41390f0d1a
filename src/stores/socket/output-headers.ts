import type { OutputOptions } from '../../contracts/merge.ts';
import { encodeTags } from '../aws/output.ts';

export type Header = readonly [name: string, value: string];

/** What the SDK adapter sends too, with a body, so that objects look the same whoever wrote them. */
const DEFAULT_CONTENT_TYPE = 'application/octet-stream';

/** Properties of an object as headers of PutObject. */
export function putHeaders(output: OutputOptions | undefined, metadata: Readonly<Record<string, string>> | undefined): Header[] {
  return outputHeaders({ ...output, contentType: output?.contentType ?? DEFAULT_CONTENT_TYPE }, metadata);
}

/** Properties of an object as headers of what creates it. Metadata of the caller wins over that of the run. */
export function outputHeaders(output: OutputOptions | undefined, metadata: Readonly<Record<string, string>> | undefined): Header[] {
  const { contentType, storageClass, encryption, tags } = output ?? {};
  const headers: Header[] = [];
  if (contentType !== undefined) headers.push(['content-type', contentType]);
  if (storageClass !== undefined) headers.push(['x-amz-storage-class', storageClass]);
  if (encryption?.type === 's3') headers.push(['x-amz-server-side-encryption', 'AES256']);
  if (encryption?.type === 'kms') {
    headers.push(['x-amz-server-side-encryption', 'aws:kms']);
    if (encryption.key !== undefined) headers.push(['x-amz-server-side-encryption-aws-kms-key-id', encryption.key]);
    if (encryption.bucketKey !== undefined) headers.push(['x-amz-server-side-encryption-bucket-key-enabled', String(encryption.bucketKey)]);
  }
  if (tags !== undefined && Object.keys(tags).length > 0) headers.push(['x-amz-tagging', encodeTags(tags)]);
  for (const [name, value] of Object.entries({ ...output?.metadata, ...metadata })) headers.push([`x-amz-meta-${name.toLowerCase()}`, value]);
  return headers;
}
