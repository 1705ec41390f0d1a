import { z } from 'zod';

/** A place in a store: every object whose key starts with `prefix`, which is empty or ends in `/`. */
export interface Location {
  readonly store: string;
  readonly bucket: string;
  readonly prefix: string;
}

export const DEFAULT_STORE = 'default';

const BUCKET = /^[a-z0-9][a-z0-9.\-_]{1,61}[a-z0-9]$/;

/** A store's name in the worker's configuration. */
export const storeName = z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'a store name has lower case letters, digits and dashes');

/**
 * `s3://bucket/prefix/` (or `s3a://`). A prefix names a directory, as in rclone: `s3://b/logs` and `s3://b/logs/` are the same.
 * @returns the parts, or a sentence that says what is wrong.
 */
export function parseS3Uri(text: string): { bucket: string; prefix: string } | string {
  const match = /^s3a?:\/\/([^/]*)(?:\/(.*))?$/su.exec(text);
  if (!match) return `"${text}" is not an S3 URI; write s3://bucket/prefix/`;
  const bucket = match[1] ?? '';
  if (!BUCKET.test(bucket)) return `"${bucket}" is not a bucket name in "${text}"; bucket names have 3 to 63 lower case letters, digits, dots and dashes`;
  const path = match[2] ?? '';
  if (Buffer.byteLength(path) > 900) return `the prefix of "${text}" is too long: keys have at most 1024 bytes`;
  return { bucket, prefix: path === '' || path.endsWith('/') ? path : `${path}/` };
}

/** The canonical text of a location, without its store. */
export function formatS3Uri(location: { readonly bucket: string; readonly prefix: string }): string {
  return `s3://${location.bucket}/${location.prefix}`;
}

const uri = z.string().transform((text, context) => {
  const parsed = parseS3Uri(text);
  if (typeof parsed === 'string') {
    context.addIssue({ code: 'custom', message: parsed });
    return z.NEVER;
  }
  return parsed;
});

/** `"s3://bucket/prefix/"`, or `{uri, store}` with a store of the worker's configuration. */
export const locationInput = z.union([
  uri.transform((parts): Location => ({ store: DEFAULT_STORE, ...parts })),
  z.strictObject({ uri, store: storeName.optional() }).transform(({ uri: parts, store }): Location => ({ store: store ?? DEFAULT_STORE, ...parts })),
]);
