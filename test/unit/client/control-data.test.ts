import { describe, expect, it } from '@jest/globals';
import { controlDataOf } from '../../../src/client/control-data.ts';

describe('controlDataOf', () => {
  it('reads the reference that a run leaves in its memo', () => {
    const control = { store: 'eu', bucket: 'merged', prefix: '_tributary/runs/x/' };
    expect(controlDataOf({ memo: { source: 's3://logs/', tributaryRun: { id: 'a', stamp: 'x', control, specHash: 'f00d' } } })).toEqual(control);
  });

  it('knows of none before there is one', () => {
    for (const memo of [undefined, {}, { tributaryRun: 'x' }]) expect(controlDataOf(memo === undefined ? {} : { memo })).toBeUndefined();
  });
});
