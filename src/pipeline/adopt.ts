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
 * @param without a chunk from which on those of its group are not carried on
 * @returns the chunks that are carried on, in order. The others are written again from their start; what is right of their uploads
 *   is then found part by part.
 */
export async function adoptChunks(
  options: ReadingOptions, open: readonly OpenChunk[], objectOf: (group: number, chunk: number) => ChunkObject, opener: UploadOpener, without: OpenChunk | null,
): Promise<AdoptedChunk[]> {
  const adopted: AdoptedChunk[] = [];
  for (const chunk of open) {
    const object = objectOf(chunk.start.group, chunk.chunk);
    const isOut = without !== null && chunk.start.group === without.start.group && chunk.chunk >= without.chunk;
    const ended = isOut || chunk.parts === 0 ? null : await endedAlike(options, chunk);
    const destination = ended && await opener.acknowledged(object, chunk);
    if (ended && destination) adopted.push({ open: chunk, ended, destination });
    else opener.leave(object);
  }
  return adopted;
}

/** What ended in a chunk by the records of now, where that is what ended in it before; else null. */
async function endedAlike(options: ReadingOptions, { start, at, ended: before }: OpenChunk): Promise<Ended | null> {
  const record = options.records.get(at.row);
  if (record && at.offset > record.keep) return null;
  const ended = await endedBetween(options, start, at);
  return isSame(ended, before) ? ended : null;
}

/** Records of a row only ever come, or get a smaller `keep`: so equal counts and an equal sum of what is kept mean equal records. */
function isSame(ended: Ended, before: OpenChunk['ended']): boolean {
  return (['done', 'partial', 'failed'] as const).every((outcome) => ended[outcome].every((count, index) => count === before[outcome][index]));
}
