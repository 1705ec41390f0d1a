/** Decides which open chunks of a cursor are carried on from their last acknowledged part. */
import type { OpenChunk } from '../contracts/cursor.ts';
import type { Ended } from '../core/ended.ts';
import type { ChunkObject } from './publish.ts';
import { endedBetween, type ReadingOptions } from './reading-list.ts';
import type { AdoptedChunk, UploadOpener } from './uploads.ts';

/**
 * A chunk follows from the plan and the failure records. So an open one is carried on where the records of the sources in it are
 * still those it was made under, and the store has its parts.
 * @param objectOf the object of a chunk of a group
 * @returns the chunks that are carried on, in order. The others are written again from their start; what is right of their uploads
 *   is then found part by part.
 */
export async function adoptChunks(
  options: ReadingOptions, open: readonly OpenChunk[], objectOf: (group: number, chunk: number) => ChunkObject, opener: UploadOpener,
): Promise<AdoptedChunk[]> {
  const adopted: AdoptedChunk[] = [];
  for (const chunk of open) {
    const record = options.records.get(chunk.at.row);
    if (chunk.parts === 0 || (record && chunk.at.offset > record.keep)) continue;
    const ended = await endedBetween(options, chunk.start, chunk.at);
    if (!isSame(ended, chunk.ended)) continue;
    const destination = await opener.acknowledged(objectOf(chunk.start.group, chunk.chunk), chunk);
    if (destination) adopted.push({ open: chunk, ended, destination });
  }
  return adopted;
}

/** Records of a row only ever come, or get a smaller `keep`: so equal counts and an equal sum of what is kept mean equal records. */
function isSame(ended: Ended, before: OpenChunk['ended']): boolean {
  return (['done', 'partial', 'failed'] as const).every((outcome) => ended[outcome].every((count, index) => count === before[outcome][index]));
}
