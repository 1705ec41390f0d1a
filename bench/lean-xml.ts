/** The XML answers of the lean server. Keys of the bench need no escaping. */
import type { Answer } from './lean-http.ts';
import type { Stored, Upload } from './lean-store.ts';

const MAX_KEYS = 1000;
const TIME = '2026-01-28T09:00:00.000Z';

export function xmlAnswer(status: number, content: string): Answer {
  const body = Buffer.from(`<?xml version="1.0" encoding="UTF-8"?>\n${content}`);
  return { status, headers: 'Content-Type: application/xml\r\n', body: [body], sizeBytes: body.length };
}

/** @param method an answer to HEAD has no body */
export function errorAnswer(status: number, code: string, method = 'GET'): Answer {
  return method === 'HEAD' ? { status } : xmlAnswer(status, `<Error><Code>${code}</Code><Message>${code}</Message></Error>`);
}

/** A page of ListObjectsV2. @param objects in order */
export function listAnswer(objects: readonly Stored[], query: URLSearchParams): Answer {
  const prefix = query.get('prefix') ?? '';
  const delimiter = query.get('delimiter') ?? '';
  const maxKeys = Math.min(MAX_KEYS, Number(query.get('max-keys') ?? MAX_KEYS));
  const after = query.get('continuation-token') ?? query.get('start-after') ?? '';
  const entries: string[] = [];
  let last = '';
  let isTruncated = false;
  let count = 0;
  for (let index = firstAfter(objects, prefix > after ? prefix : after, prefix > after); index < objects.length; index += 1) {
    const object = objects[index]!;
    if (!object.key.startsWith(prefix)) break;
    const end = delimiter === '' ? -1 : object.key.indexOf(delimiter, prefix.length);
    const folded = end < 0 ? undefined : object.key.slice(0, end + delimiter.length);
    // What an earlier page folded, or this one, comes once.
    if (folded !== undefined && (folded === last || after.startsWith(folded))) continue;
    if (count === maxKeys) {
      isTruncated = true;
      break;
    }
    count += 1;
    last = folded ?? object.key;
    entries.push(folded === undefined
      ? `<Contents><Key>${object.key}</Key><LastModified>${TIME}</LastModified><ETag>${object.etag}</ETag><Size>${object.sizeBytes}</Size><StorageClass>STANDARD</StorageClass></Contents>`
      : `<CommonPrefixes><Prefix>${folded}</Prefix></CommonPrefixes>`);
  }
  const next = isTruncated ? `<NextContinuationToken>${last}</NextContinuationToken>` : '';
  return xmlAnswer(200, `<ListBucketResult><Prefix>${prefix}</Prefix><KeyCount>${count}</KeyCount><MaxKeys>${maxKeys}</MaxKeys><IsTruncated>${isTruncated}</IsTruncated>${next}${entries.join('')}</ListBucketResult>`);
}

/** Index of the first object behind `key`, or at it. */
function firstAfter(objects: readonly Stored[], key: string, isIncluded: boolean): number {
  let low = 0;
  let high = objects.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const at = objects[middle]!.key;
    if (at < key || (at === key && !isIncluded)) low = middle + 1;
    else high = middle;
  }
  return low;
}

export function uploadsAnswer(uploads: readonly Upload[]): Answer {
  const entries = uploads.map(({ key, id }) => `<Upload><Key>${key}</Key><UploadId>${id}</UploadId><Initiated>${TIME}</Initiated></Upload>`);
  return xmlAnswer(200, `<ListMultipartUploadsResult><IsTruncated>false</IsTruncated>${entries.join('')}</ListMultipartUploadsResult>`);
}

export function partsAnswer({ key, id, parts }: Upload): Answer {
  const entries = [...parts.values()].sort((a, b) => a.partNumber - b.partNumber).map(({ partNumber, etag, sizeBytes, crc32 }) =>
    `<Part><PartNumber>${partNumber}</PartNumber><LastModified>${TIME}</LastModified><ETag>${etag}</ETag><Size>${sizeBytes}</Size>${crc32 === '' ? '' : `<ChecksumCRC32>${crc32}</ChecksumCRC32>`}</Part>`);
  return xmlAnswer(200, `<ListPartsResult><Key>${key}</Key><UploadId>${id}</UploadId><IsTruncated>false</IsTruncated>${entries.join('')}</ListPartsResult>`);
}
