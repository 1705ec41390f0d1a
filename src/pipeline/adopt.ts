/** Decides which open uploads of a cursor are carried on. Of what the store lists, parts are trusted by their CRC, never by size. */
import type { OpenChunk } from '../contracts/cursor.ts';
import type { MergeSpec } from '../contracts/merge.ts';
import type { PlannedBatch } from '../contracts/plan.ts';
import type { FailureRecord } from '../contracts/records.ts';
import { combineCrc32 } from '../core/crc32.ts';
import { chunkKey } from '../core/names.ts';
import type { StoreSession } from '../stores/registry.ts';
import type { OpenedUpload } from './chunk-writer.ts';
import { trustedParts } from './uploads.ts';

export interface AdoptedUpload { readonly open: OpenChunk; readonly upload: OpenedUpload }

export interface AdoptOptions {
  readonly spec: MergeSpec;
  readonly stamp: string;
  readonly batch: PlannedBatch;
  readonly target: StoreSession;
}

/**
 * @param failures records that hold now: a part beyond what they keep of a source has the wrong bytes
 * @returns the uploads whose acknowledged parts are all there, in order. The others are written again from their chunk's start;
 *   what is right of them is then found part by part.
 */
export async function adoptUploads(
  options: AdoptOptions, open: readonly OpenChunk[], failures: ReadonlyMap<number, FailureRecord>, signal: AbortSignal,
): Promise<AdoptedUpload[]> {
  const { spec, stamp, batch, target } = options;
  const adopted: AdoptedUpload[] = [];
  for (const chunk of open) {
    const planned = batch.groups[chunk.start.group];
    const record = failures.get(chunk.at.row);
    if (!planned || chunk.parts === 0 || (record && chunk.at.offset > record.keep)) continue;
    const key = chunkKey(spec.target.prefix, planned.dir, stamp, chunk.chunk, planned.ext);
    const listed = await target.store.listParts({ bucket: spec.target.bucket, key, uploadId: chunk.uploadId }, { signal });
    if (!listed) continue;
    const upload = { uploadId: chunk.uploadId, parts: trustedParts(listed) };
    if (hasParts(upload, chunk)) adopted.push({ open: chunk, upload });
  }
  return adopted;
}

function hasParts({ parts }: OpenedUpload, open: OpenChunk): boolean {
  let sum = 0;
  let bytes = 0;
  for (let partNumber = 1; partNumber <= open.parts; partNumber += 1) {
    const part = parts.get(partNumber);
    if (part?.crc32 === undefined) return false;
    sum = combineCrc32(sum, part.crc32, part.sizeBytes);
    bytes += part.sizeBytes;
  }
  return sum === open.crc32 && bytes === open.bytes;
}
