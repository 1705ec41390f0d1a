/** What a store must bring to be put through the suite. */
import { crc32 } from '@node-rs/crc32';
import { isTributaryError, type TributaryError } from '../../../src/contracts/errors.ts';
import type { Body, ObjectStore } from '../../../src/stores/object-store.ts';

/** What this server does differently from S3, so that the suite asks for what it promises and no more. */
export interface Traits {
  /** `a//b`, `/a`, a key beside a folder of the same name and control characters stay as they are. */
  readonly keepsEveryKey: boolean;
  /** Parts of less than this are refused at Complete. */
  readonly minPartBytes: number;
}

export interface Harness {
  readonly traits: Traits;
  readonly store: ObjectStore;
  /** The same service with an account that may do nothing. Absent where there are no accounts. */
  readonly stranger?: ObjectStore;
  /** The same service with a key id that nobody has, and with a wrong secret. */
  readonly unknownKey?: ObjectStore;
  readonly wrongSecret?: ObjectStore;
  /** A store whose connections go through a proxy, and break after so many bytes of answers as told. Absent where there are no connections. */
  readonly proxied?: { readonly store: ObjectStore; cutAnswerAfter(bytes: number, times?: number): void };
  close(): Promise<void>;
}

let buckets = 0;

/** A new bucket of its own for each test. */
export async function newBucket(store: ObjectStore): Promise<string> {
  buckets += 1;
  const bucket = `conformance-${buckets}`;
  await store.createBucket(bucket);
  return bucket;
}

export function bodyOf(...pieces: readonly (string | Uint8Array)[]): Body {
  const views = pieces.map((piece) => Buffer.from(piece as Uint8Array));
  const all = Buffer.concat(views);
  return { views, sizeBytes: all.length, crc32: crc32(all) };
}

/** The error a call ends with. @throws where it does not end with one of ours */
export async function errorOf(call: Promise<unknown>): Promise<TributaryError> {
  try {
    await call;
  } catch (error) {
    if (isTributaryError(error)) return error;
    throw error;
  }
  throw new Error('the call succeeded');
}

/** Bytes that repeat at no short distance, so that a piece in the wrong place is seen. */
export function patternBytes(sizeBytes: number, seed = 1): Buffer {
  const bytes = Buffer.allocUnsafe(sizeBytes);
  let state = (seed * 2654435761) >>> 0;
  for (let at = 0; at < sizeBytes; at += 1) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}

/** All of an object, read as a source is. */
export async function readAll(store: ObjectStore, bucket: string, key: string): Promise<Buffer> {
  const found = await store.head({ bucket, key });
  if (!found) throw new Error(`nothing at ${key}`);
  const into = Buffer.alloc(found.sizeBytes);
  if (found.sizeBytes > 0) await store.readInto({ bucket, key, ifMatch: found.etag, offset: 0, lengthBytes: found.sizeBytes, sizeBytes: found.sizeBytes }, into);
  return into;
}
