/** Control artefacts: small objects that are written once, named by the SHA-256 of their bytes, and believed only when that holds. */
import { hash } from 'node:crypto';
import { isTributaryError, TributaryError } from '../contracts/errors.ts';
import { bodyOf } from './body.ts';
import type { CallOptions, ObjectRef, ObjectStore } from './object-store.ts';

/** How often an artefact is read before it counts as changed. */
const READS = 3;
/** Races of writers that nobody won, before that is an error. */
const RACES = 5;

/** SHA-256 in lower-case hex: what artefacts are named by. */
export function contentHash(bytes: Uint8Array | string): string {
  return hash('sha256', bytes, 'hex');
}

/**
 * Writes an artefact whose key holds its content hash. Idempotent: where the same bytes are there already, that is success.
 * @throws TRB-CHUNK-CONFLICT where other bytes are at the key; they are not touched
 */
export async function putArtefact(store: ObjectStore, ref: ObjectRef, bytes: Uint8Array, options: CallOptions = {}): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await store.put({ bucket: ref.bucket, key: ref.key, body: bodyOf(bytes), ifNoneMatch: '*' }, options);
      return;
    } catch (error) {
      if (!isTributaryError(error) || error.code !== 'TRB-CHUNK-CONFLICT') throw error;
      const present = await getIfThere(store, ref, options);
      if (present?.equals(bytes)) return;
      // Nothing there: a race of writers that nobody won.
      if (present || tries >= RACES) throw error;
    }
  }
}

/**
 * Reads an artefact.
 * @param expectedSha256 lower-case hex, from history
 * @throws TRB-PLAN-LOST where it is gone, or its bytes are others
 */
export async function getArtefact(store: ObjectStore, ref: ObjectRef, expectedSha256: string, options: CallOptions = {}): Promise<Buffer> {
  const lost = (what: string, cause?: unknown): TributaryError =>
    new TributaryError('TRB-PLAN-LOST', `s3://${ref.bucket}/${ref.key} in store ${store.name} ${what}`, { store: store.name, bucket: ref.bucket, key: ref.key }, { cause });
  let actual = '';
  // Bytes can be damaged on their way.
  for (let tries = 0; tries < READS; tries += 1) {
    try {
      const bytes = await store.get(ref, options);
      actual = contentHash(bytes);
      if (actual === expectedSha256) return bytes;
    } catch (error) {
      if (isTributaryError(error) && error.code === 'TRB-NO-SUCH-KEY') throw lost('is gone', error);
      throw error;
    }
  }
  throw lost(`was changed: its SHA-256 is ${actual}, where ${expectedSha256} was written`);
}

/** A whole small object, or null where there is none. */
export async function getIfThere(store: ObjectStore, ref: ObjectRef, options: CallOptions = {}): Promise<Buffer | null> {
  try {
    return await store.get(ref, options);
  } catch (error) {
    if (isTributaryError(error) && error.code === 'TRB-NO-SUCH-KEY') return null;
    throw error;
  }
}
