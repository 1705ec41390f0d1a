/** What must hold after the merge of one batch: its output, chunk index, tally and what it left behind. Each finding is one sentence. */
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { crc32 } from '@node-rs/crc32';
import type { MergeCursor } from '../../src/contracts/cursor.ts';
import type { PlanRest } from '../../src/contracts/plan.ts';
import type { ChunkRow } from '../../src/contracts/records.ts';
import { groupOf } from '../../src/core/keys.ts';
import { countLines } from '../../src/core/lines.ts';
import { createRandom, seedOf } from '../../src/core/random.ts';
import type { PartRequest } from '../../src/stores/object-store.ts';
import { SOURCE_BUCKET, TARGET_BUCKET, type Rig } from './batch-rig.ts';
import { checkMerged } from './invariants.ts';

/** What is stored, and what is to come out: by key relative to the source prefix. */
export interface StoredSources {
  readonly stored: Map<string, Buffer>;
  readonly decoded: Map<string, Buffer>;
}

/** Compresses about half of the sources in several members or frames, cut anywhere, and names them so. */
export function compressSome(sources: ReadonlyMap<string, Buffer>, seed: number): StoredSources {
  const result: StoredSources = { stored: new Map(), decoded: new Map() };
  for (const [index, [key, bytes]] of [...sources].entries()) {
    const random = createRandom(seedOf(seed, index));
    const [suffix, compress] = random.pick([['', null], ['', null], ['.gz', gzipSync], ['.zst', zstdCompressSync]] as const);
    const cut = random.below(bytes.length + 1);
    const pieces = [bytes.subarray(0, cut), bytes.subarray(cut)];
    result.stored.set(`${key}${suffix}`, compress ? Buffer.concat(pieces.map((piece) => compress(piece))) : bytes);
    result.decoded.set(`${key}${suffix}`, bytes);
  }
  return result;
}

/** Begins some sources, as a retry does, at some line end of theirs. @returns where, and what is left of all */
export function beginSome({ stored, decoded }: StoredSources, seed: number): { readonly rest: Map<string, PlanRest>; readonly decoded: Map<string, Buffer> } {
  const begun = { rest: new Map<string, PlanRest>(), decoded: new Map(decoded) };
  for (const [index, key] of [...stored.keys()].entries()) {
    const random = createRandom(seedOf(seed, index));
    const bytes = decoded.get(key) ?? Buffer.alloc(0);
    const from = bytes.lastIndexOf('\n', random.below(bytes.length + 1)) + 1;
    if (from === 0 || random.chance(0.4)) continue;
    begun.rest.set(key, { from });
    begun.decoded.set(key, bytes.subarray(from));
  }
  return begun;
}

export interface Expected {
  /** What each source is to give: for a partial one its complete lines, for a failed one nothing. */
  readonly decoded: ReadonlyMap<string, Buffer>;
  readonly outcomes?: ReadonlyMap<string, 'partial' | 'failed'>;
}

export async function checkBatch(rig: Rig, cursor: MergeCursor, expected: Expected): Promise<string[]> {
  const outputs = rig.outputs();
  const index = await rig.index();
  return [
    ...(cursor.done ? [] : ['the cursor is not done']),
    ...checkMerged(expected.decoded, outputs, rig.spec),
    ...checkIndex(rig, index, outputs, expected),
    ...checkTally(rig, cursor, outputs, expected),
    ...(rig.slab.heldBytes === 0 ? [] : [`${rig.slab.heldBytes} bytes of the slab are held`]),
  ];
}

function checkIndex(rig: Rig, index: readonly ChunkRow[], outputs: ReadonlyMap<string, Buffer>, expected: Expected): string[] {
  const findings: string[] = [];
  const prefix = rig.spec.target.prefix;
  const indexed = new Set(index.map(({ key }) => key.slice(prefix.length)));
  if (indexed.size !== index.length) findings.push('a chunk is in the index twice');
  for (const key of outputs.keys()) if (!indexed.has(key)) findings.push(`${key} is not in the index`);
  for (const row of index) {
    const bytes = outputs.get(row.key.slice(prefix.length));
    if (!bytes) findings.push(`${row.key} is only in the index`);
    else if (row.bytes !== bytes.length || row.lines !== countLines(bytes) || row.crc32 !== crc32(bytes)) findings.push(`the row of ${row.key} is wrong`);
    else if (!contentBetween(rig, row, expected).equals(bytes)) findings.push(`${row.key} does not lie from ${String(row.start)} to ${String(row.end)}`);
    if (rig.batch.groups[row.group]?.dir !== row.dir) findings.push(`${row.key} is of another group than ${row.dir}`);
  }
  return findings;
}

/** What the plan has between the two positions of a row. */
function contentBetween(rig: Rig, { dir, start, end }: ChunkRow, { decoded }: Expected): Buffer {
  const sourcePrefix = rig.spec.source.prefix;
  const pieces: Buffer[] = [];
  for (let row = start[0]; row <= end[0]; row += 1) {
    const key = rig.rows[row]?.[0].slice(sourcePrefix.length) ?? '';
    const merged = rig.rows[row]?.[4]?.from ?? 0;
    const offset = (at: number): number => Math.max(0, at - merged);
    if (groupOf(key, rig.spec.groupBy) !== dir) continue;
    const bytes = decoded.get(key) ?? Buffer.alloc(0);
    const whole = bytes.length > 0 && bytes.at(-1) !== 0x0a ? Buffer.concat([bytes, Buffer.from('\n')]) : bytes;
    pieces.push(whole.subarray(row === start[0] ? offset(start[1]) : 0, row === end[0] ? offset(end[1]) : whole.length));
  }
  return Buffer.concat(pieces);
}

function checkTally(rig: Rig, { tally }: MergeCursor, outputs: ReadonlyMap<string, Buffer>, { outcomes = new Map<string, 'partial' | 'failed'>() }: Expected): string[] {
  const counts = { done: [0, 0], partial: [0, 0], failed: [0, 0] };
  for (const [key, sizeBytes] of rig.rows) {
    const count = counts[outcomes.get(key.slice(rig.spec.source.prefix.length)) ?? 'done'];
    count[0] = (count[0] ?? 0) + 1;
    count[1] = (count[1] ?? 0) + sizeBytes;
  }
  const all = Buffer.concat([...outputs.values()]);
  const wanted = {
    doneObjects: counts.done[0], doneBytes: counts.done[1], partialObjects: counts.partial[0], partialBytes: counts.partial[1],
    failedObjects: counts.failed[0], failedBytes: counts.failed[1], lines: countLines(all), chunks: outputs.size, chunkBytes: all.length,
  };
  const errors = Object.values(tally.errors).reduce((sum, count) => sum + count, 0);
  return [
    ...Object.entries(wanted).filter(([name, count]) => tally[name as keyof typeof wanted] !== count)
      .map(([name, count]) => `the tally has ${tally[name as keyof typeof wanted]} ${name}, not ${count}`),
    ...(errors === outcomes.size ? [] : [`the tally has ${errors} errors, not ${outcomes.size}`]),
  ];
}

/** How the sources were asked for, without a fault: each range once, an empty source never, and none by HEAD. */
export function checkRequests(rig: Rig): string[] {
  const gets = new Map<string, number>();
  for (const { operation, bucket, key = '' } of rig.store.log) {
    if (bucket === SOURCE_BUCKET && operation !== 'readInto') return [`${operation} of ${key}`];
    if (operation === 'readInto') gets.set(key, (gets.get(key) ?? 0) + 1);
  }
  return rig.rows.filter(([key, sizeBytes]) => (gets.get(key) ?? 0) !== Math.ceil(sizeBytes / (8 * 2 ** 20)))
    .map(([key, sizeBytes]) => `${gets.get(key) ?? 0} GETs of ${key} with ${sizeBytes} bytes`);
}

/** How many parts were sent that had been sent before. */
export function repeatedParts(rig: Rig): number {
  const parts = rig.store.log.filter(({ operation, bucket }) => operation === 'uploadPart' && bucket === TARGET_BUCKET)
    .map(({ key = '', request }) => `${key} ${(request as PartRequest).partNumber}`);
  return parts.length - new Set(parts).size;
}
