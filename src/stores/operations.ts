/** The verbs of the port: how S3 calls each, which permission it needs, and under which class its requests are counted. */
import type { Requests } from '../contracts/tally.ts';
import type { ObjectStore } from './object-store.ts';

export type StoreOperation = Exclude<keyof ObjectStore, 'name' | 'close'>;

export interface OperationFacts {
  /** Name in the S3 API. */
  readonly api: string;
  readonly permission: string;
  readonly requestClass: keyof Requests;
}

export const OPERATIONS: Readonly<Record<StoreOperation, OperationFacts>> = {
  list: { api: 'ListObjectsV2', permission: 's3:ListBucket', requestClass: 'list' },
  readInto: { api: 'GetObject', permission: 's3:GetObject', requestClass: 'get' },
  get: { api: 'GetObject', permission: 's3:GetObject', requestClass: 'get' },
  head: { api: 'HeadObject', permission: 's3:GetObject and s3:ListBucket', requestClass: 'head' },
  put: { api: 'PutObject', permission: 's3:PutObject', requestClass: 'put' },
  putStream: { api: 'PutObject', permission: 's3:PutObject', requestClass: 'put' },
  createUpload: { api: 'CreateMultipartUpload', permission: 's3:PutObject', requestClass: 'put' },
  uploadPart: { api: 'UploadPart', permission: 's3:PutObject', requestClass: 'put' },
  listParts: { api: 'ListParts', permission: 's3:ListMultipartUploadParts', requestClass: 'list' },
  listUploads: { api: 'ListMultipartUploads', permission: 's3:ListBucketMultipartUploads', requestClass: 'list' },
  completeUpload: { api: 'CompleteMultipartUpload', permission: 's3:PutObject', requestClass: 'put' },
  abortUpload: { api: 'AbortMultipartUpload', permission: 's3:AbortMultipartUpload', requestClass: 'delete' },
  delete: { api: 'DeleteObject', permission: 's3:DeleteObject', requestClass: 'delete' },
  headBucket: { api: 'HeadBucket', permission: 's3:ListBucket', requestClass: 'head' },
  createBucket: { api: 'CreateBucket', permission: 's3:CreateBucket', requestClass: 'put' },
};
