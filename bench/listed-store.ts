/** A store whose listing is made up as it is asked for, so that it can be of any length; artefacts are kept in a folder. */
import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TributaryError } from '../src/contracts/errors.ts';
import type { ListedObject, ListPage, ListRequest, ObjectRef, ObjectStore, PutRequest } from '../src/stores/object-store.ts';

export const LISTED_BUCKET = 'listed';
const IN_DIRECTORY = 100;
const PAGE = 1000;
const MODIFIED_MS = Date.UTC(2026, 0, 1);

const keyOf = (index: number): string => `d${String(Math.floor(index / IN_DIRECTORY)).padStart(7, '0')}/${String(index % IN_DIRECTORY).padStart(4, '0')}-part.log`;

/** As `keyOf` made it. */
const indexOf = (key: string): number => Number(key.slice(1, 8)) * IN_DIRECTORY + Number(key.slice(9, 13));

function objectAt(index: number): ListedObject {
  return { key: keyOf(index), sizeBytes: 1000 + index % 9000, etag: `"${createHash('md5').update(String(index)).digest('hex')}"`, modifiedMs: MODIFIED_MS + index };
}

/** @param keys how many the bucket `listed` has; @param folder where what is written goes */
export function createListedStore(keys: number, folder: string): ObjectStore {
  const pathOf = ({ bucket, key }: ObjectRef): string => join(folder, createHash('sha256').update(`${bucket}/${key}`).digest('hex'));
  mkdirSync(folder, { recursive: true });
  const unused = (): Promise<never> => Promise.reject(new Error('planning does not ask for this'));
  return {
    name: 'listed',
    list: async ({ startAfter, continuationToken }: ListRequest): Promise<ListPage> => {
      const from = continuationToken !== undefined ? Number(continuationToken) : startAfter === undefined ? 0 : indexOf(startAfter) + 1;
      const to = Math.min(keys, from + PAGE);
      return { objects: Array.from({ length: to - from }, (_, at) => objectAt(from + at)), prefixes: [], ...(to < keys ? { next: String(to) } : {}) };
    },
    put: async (request: PutRequest) => {
      await writeFile(pathOf(request), request.body.views);
      return { etag: '""' };
    },
    get: async (ref: ObjectRef) => {
      try {
        return await readFile(pathOf(ref));
      } catch (error) {
        throw new TributaryError('TRB-NO-SUCH-KEY', `there is no ${ref.key}`, {}, { cause: error });
      }
    },
    putStream: unused, readInto: unused, head: unused, createUpload: unused, uploadPart: unused, listParts: unused, listUploads: unused, completeUpload: unused, abortUpload: unused,
    delete: unused, headBucket: unused, createBucket: unused, close: () => undefined,
  };
}
