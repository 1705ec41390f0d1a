import { describe, expect, it } from '@jest/globals';
import { Slab, SLAB_SHARE, SLOT_BYTES } from '../../../src/pipeline/slab.ts';

describe('the slab', () => {
  it('says which budget a call needs that it can never hold', async () => {
    const slab = new Slab(2 * SLOT_BYTES);
    const refused = slab.reserve(28, new AbortController().signal);
    await expect(refused).rejects.toMatchObject({ code: 'TRB-INVALID-CONFIG', message: expect.stringContaining('needs a memory.budget of 320MiB') });
    // And with it there is room.
    const room = new Slab(320 * 2 ** 20 * SLAB_SHARE);
    (await room.reserve(28, new AbortController().signal)).end();
  });
});
