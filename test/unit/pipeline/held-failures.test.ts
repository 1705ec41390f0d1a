import { describe, expect, it } from '@jest/globals';
import type { MergeCursor } from '../../../src/contracts/cursor.ts';
import type { FailureRecord } from '../../../src/contracts/records.ts';
import { controlPrefix } from '../../../src/core/names.ts';
import { heldFailures } from '../../../src/pipeline/held-failures.ts';
import { createRig, STAMP, TARGET_BUCKET, type Rig } from '../../support/batch-rig.ts';

const LINE = `${'x'.repeat(19)}\n`;

function record(rig: Rig, row: number, keep: number): FailureRecord {
  const [key, bytes] = rig.rows[row]!;
  return { row, uri: `s3://logs/${key}`, outcome: keep === 0 ? 'failed' : 'partial', code: 'TRB-SOURCE-BROKEN', reason: 'it broke', bytes, offset: keep, keep };
}

const held = (rig: Rig): Promise<FailureRecord[]> => heldFailures(rig.store, rig.spec, { bucket: TARGET_BUCKET, prefix: controlPrefix('out/', STAMP) }, new AbortController().signal);

describe('of the failure records of a run', () => {
  it.each([
    ['by lines', { lines: 7 }], ['in one chunk', { lines: 10_000 }], ['in chunks of many sources, which calls carry on', { lines: 90 }],
  ])('those hold that its chunks were made under, whatever comes later: %s', async (_title, chunk) => {
    const sources = new Map(Array.from({ length: 60 }, (_, at) => [`${at % 3 === 0 ? 'a/' : ''}${String(at).padStart(3, '0')}.log`, Buffer.from(LINE.repeat(5))]));
    let left = 0;
    let deadline = new AbortController();
    const rig = createRig({ sources, chunk, partBytes: 300, store: { onCall: () => {
      left -= 1;
      if (left === 0) deadline.abort();
      return undefined;
    } } });
    const obeyed = [...rig.rows.keys()].flatMap((row) => (row % 4 === 1 ? [record(rig, row, 0)] : row % 4 === 2 ? [record(rig, row, 3 * LINE.length)] : []));
    for (const one of obeyed) rig.addFailure(one);
    for (let cursor: MergeCursor | null = null; !cursor?.done;) {
      [left, deadline] = [25, new AbortController()];
      ({ cursor } = await rig.call(cursor, { deadline: deadline.signal }));
    }
    expect(await held(rig)).toEqual(obeyed);
    for (const row of rig.rows.keys()) {
      // Of a source that was merged whole anything, of one that was merged in part a record that would keep less.
      if (row % 4 === 0) rig.addFailure(record(rig, row, row % 8 === 0 ? 0 : 2 * LINE.length));
      if (row % 4 === 2) rig.addFailure(record(rig, row, row % 8 === 2 ? 0 : LINE.length));
      if (row % 4 === 3) rig.addFailure(record(rig, row, 4 * LINE.length));
    }
    expect(await held(rig)).toEqual(obeyed);
  });
});
