/** What a request to an S3 service is about, read from its head alone. Path-style addressing, as local servers use it. */

export interface S3Head {
  /** Name in the S3 API, as `UploadPart`; `Other` for what the data plane never sends. */
  readonly operation: string;
  readonly method: string;
  readonly bucket: string;
  /** Decoded; empty where the request is about the bucket. For listings, the prefix. */
  readonly key: string;
  readonly query: URLSearchParams;
  /** Range that was asked for, as `bytes=0-9`, or null. */
  readonly range: string | null;
  /** Encryption that was asked for, as `AES256`, or null. */
  readonly encryption: string | null;
}

/** @param url path and query as they were sent */
export function readS3Head(method: string, url: string, range: string | null, encryption: string | null = null): S3Head {
  const [path = '', queryText = ''] = url.split('?', 2);
  const [, bucket = '', ...rest] = path.split('/');
  const query = new URLSearchParams(queryText);
  const key = decodeURIComponent(rest.join('/'));
  return { operation: operationOf(method, key, query), method, bucket: decodeURIComponent(bucket), key: key === '' ? query.get('prefix') ?? '' : key, query, range, encryption };
}

function operationOf(method: string, key: string, query: URLSearchParams): string {
  if (key === '') return bucketOperation(method, query);
  const isUpload = query.has('uploadId');
  switch (method) {
    case 'GET': return isUpload ? 'ListParts' : 'GetObject';
    case 'HEAD': return 'HeadObject';
    case 'PUT': return isUpload ? 'UploadPart' : 'PutObject';
    case 'DELETE': return isUpload ? 'AbortMultipartUpload' : 'DeleteObject';
    case 'POST': return query.has('uploads') ? 'CreateMultipartUpload' : isUpload ? 'CompleteMultipartUpload' : 'Other';
    default: return 'Other';
  }
}

function bucketOperation(method: string, query: URLSearchParams): string {
  switch (method) {
    case 'GET': return query.has('uploads') ? 'ListMultipartUploads' : query.has('list-type') ? 'ListObjectsV2' : 'Other';
    case 'HEAD': return 'HeadBucket';
    case 'PUT': return 'CreateBucket';
    default: return 'Other';
  }
}
