/** Sources that break where one call takes over from another: what is found twice counts once, and what one call published the other keeps. */
import { constants, gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import { countLines } from '../../../src/core/lines.ts';
import { checkBatch } from '../../support/batch-checks.ts';
import { createRig, SOURCE_BUCKET } from '../../support/batch-rig.ts';
import type { Fault } from '../../support/memory-store.ts';

const lines = (name: string, count: number): Buffer => Buffer.from(Array.from({ length: count }, (_, line) => `${name} ${line} ${'x'.repeat(line % 50)}\n`).join(''));

/** An answer that does not come. */
const never = (): Promise<Fault> => new Promise(() => undefined);

describe('a source that breaks', () => {
  const small = lines('a', 45);
  const large = Buffer.from(`${'x'.repeat(1000)}\n`.repeat(1500));
  const cutOff = gzipSync(small).subarray(0, -40);
  const leftOfIt = gunzipSync(cutOff, { finishFlush: constants.Z_SYNC_FLUSH });

  it.each([
    ['is cut off', small, cutOff, leftOfIt.subarray(0, leftOfIt.lastIndexOf('\n') + 1)],
    ['is large, and damaged', large, Buffer.concat([gzipSync(large), Buffer.from('no member')]), large],
  ])('behind the start of a chunk that is carried on keeps what comes after that start: an archive that %s', async (_, text, stored, kept) => {
    const b = lines('b', countLines(text));
    const rig = createRig({ partBytes: Math.ceil(text.length / 10), chunk: { lines: countLines(text) / 3 }, sources: new Map([['a.log.gz', stored], ['b.log', b]]) });
    const interrupt = new AbortController();
    // The call ends when the damage was met and is not on record, with parts of the second chunk there, and the first part of the first chunk lacking.
    rig.store.setFault(({ operation, key, request }) => {
      const isFirstPart = operation === 'uploadPart' && key === rig.chunkKey('', 0) && (request as { partNumber: number }).partNumber === 1;
      const isRecord = operation === 'put' && key?.includes('/failures/') === true;
      if (isRecord) interrupt.abort(new Error('a pause'));
      return isRecord || isFirstPart || operation === 'completeUpload' ? never() : undefined;
    });
    const { cursor } = await rig.call(null, { interrupt: interrupt.signal });
    expect(cursor.open.filter(({ chunk, parts }) => chunk === 1 && parts > 0)).toHaveLength(1);
    rig.store.setFault(undefined);
    const reached = await rig.finish(cursor);
    expect(await checkBatch(rig, reached, { decoded: new Map([['a.log.gz', kept], ['b.log', b]]), outcomes: new Map([['a.log.gz', 'partial']]) })).toEqual([]);
    expect(rig.failures().map(({ keep }) => keep)).toEqual([kept.length]);
    expect(rig.store.openUploads()).toEqual([]);
  });

  it.each([['can be read', false], ['is gone by then', true]])('for a dead call only, which says so late, is not given up: what chunks do not hold already %s', async (_, isGone) => {
    const [a, b] = [lines('a', 30), lines('b', 4)];
    const rig = createRig({ sources: new Map([['a', a], ['b', b]]), chunk: { lines: 10 }, partBytes: 10_000 });
    rig.store.setFault(({ operation, key }) => (operation === 'put' && [1, 2, 3].some((chunk) => key === rig.chunkKey('', chunk)) ? never() : undefined));
    const interrupt = new AbortController();
    const { cursor } = await rig.call(null, { interrupt: interrupt.signal, onCheckpoint: ({ tally }) => { if (tally.chunks > 0) interrupt.abort(); } });
    rig.store.setFault(undefined);
    expect(cursor.low).toMatchObject({ row: 0, offset: lines('a', 10).length });
    rig.addFailure({ row: 0, uri: 's3://logs/in/a', outcome: 'failed', code: 'TRB-SOURCE-DENIED', reason: 'a moment without permission', bytes: a.length, offset: 0, keep: 0 });
    if (isGone) await rig.store.delete({ bucket: SOURCE_BUCKET, key: rig.sourceKey('a') });
    const reached = await rig.finish(cursor);
    const decoded = new Map([['a', isGone ? lines('a', 10) : a], ['b', b]]);
    expect(await checkBatch(rig, reached, { decoded, outcomes: new Map(isGone ? [['a', 'partial']] : []) })).toEqual([]);
  });
});
