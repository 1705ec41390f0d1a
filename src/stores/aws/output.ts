import type { PutObjectCommandInput } from '@aws-sdk/client-s3';
import type { OutputOptions } from '../../contracts/merge.ts';

type OutputParameters = Pick<PutObjectCommandInput,
  'ContentType' | 'StorageClass' | 'ServerSideEncryption' | 'SSEKMSKeyId' | 'BucketKeyEnabled' | 'Tagging' | 'Metadata'>;

/** Properties of an object as parameters of PutObject and CreateMultipartUpload. Metadata of the caller wins over that of the run. */
export function outputParameters(output: OutputOptions | undefined, metadata: Readonly<Record<string, string>> | undefined): OutputParameters {
  const { contentType, storageClass, encryption, tags } = output ?? {};
  const allMetadata = { ...output?.metadata, ...metadata };
  return {
    ...(contentType === undefined ? {} : { ContentType: contentType }),
    // The store knows its classes; the SDK's list lags behind and is for AWS only.
    ...(storageClass === undefined ? {} : { StorageClass: storageClass as NonNullable<OutputParameters['StorageClass']> }),
    ...encryptionParameters(encryption),
    ...(tags === undefined || Object.keys(tags).length === 0 ? {} : { Tagging: encodeTags(tags) }),
    ...(Object.keys(allMetadata).length === 0 ? {} : { Metadata: allMetadata }),
  };
}

function encryptionParameters(encryption: OutputOptions['encryption']): OutputParameters {
  if (encryption === undefined) return {};
  if (encryption.type === 's3') return { ServerSideEncryption: 'AES256' };
  return {
    ServerSideEncryption: 'aws:kms',
    ...(encryption.key === undefined ? {} : { SSEKMSKeyId: encryption.key }),
    ...(encryption.bucketKey === undefined ? {} : { BucketKeyEnabled: encryption.bucketKey }),
  };
}

/** Tags as S3 takes them in a header: a query string. */
export function encodeTags(tags: Readonly<Record<string, string>>): string {
  return Object.entries(tags).map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`).join('&');
}
