import { describe, expect, it } from '@jest/globals';
import { TributaryError } from '../../../src/contracts/errors.ts';
import { contentHash, getArtefact, putArtefact } from '../../../src/stores/artefacts.ts';
import type { ObjectStore } from '../../../src/stores/object-store.ts';
import { probeCapabilities } from '../../../src/stores/probe.ts';
import { createMemoryStore } from '../../support/memory-store.ts';

const ref = { bucket: 'b', key: '_tributary/runs/s/plan/x' };

describe('artefacts', () => {
  it('are written once; the same bytes again are success, others are refused and change nothing', async () => {
    const store = createMemoryStore({ buckets: ['b'] });
    await putArtefact(store, ref, Buffer.from('plan'));
    await putArtefact(store, ref, Buffer.from('plan'));
    await expect(putArtefact(store, ref, Buffer.from('other'))).rejects.toMatchObject({ code: 'TRB-CHUNK-CONFLICT' });
    expect(store.peek('b', ref.key)?.toString()).toBe('plan');
  });

  it('are written again after a race of writers that nobody has won', async () => {
    let races = 0;
    const store = createMemoryStore({
      buckets: ['b'], onCall: ({ operation }) => operation === 'put' && races-- > 0 ? Object.assign(new Error('race'), { httpStatus: 409, storeCode: 'ConditionalRequestConflict' }) : undefined,
    });
    races = 2;
    await putArtefact(store, ref, Buffer.from('plan'));
    expect(store.peek('b', ref.key)?.toString()).toBe('plan');
    races = Infinity;
    await expect(putArtefact(store, { ...ref, key: 'other' }, Buffer.from('plan'))).rejects.toMatchObject({ code: 'TRB-CHUNK-CONFLICT' });
  });

  it('are believed only when their hash holds', async () => {
    const store = createMemoryStore({ buckets: ['b'] });
    const hash = contentHash('plan');
    await expect(getArtefact(store, ref, hash)).rejects.toMatchObject({ code: 'TRB-PLAN-LOST', message: expect.stringContaining('is gone') });
    await putArtefact(store, ref, Buffer.from('plan'));
    expect((await getArtefact(store, ref, hash)).toString()).toBe('plan');
    store.seed('b', ref.key, 'plam');
    await expect(getArtefact(store, ref, hash)).rejects.toMatchObject({ code: 'TRB-PLAN-LOST', message: expect.stringContaining('was changed') });
  });

  it('are read again where their bytes were damaged on the way', async () => {
    const store = createMemoryStore({ buckets: ['b'] });
    await putArtefact(store, ref, Buffer.from('plan'));
    let reads = 0;
    const damaging = { ...store, get: async () => Buffer.from((reads += 1) < 3 ? 'plam' : 'plan') };
    expect((await getArtefact(damaging, ref, contentHash('plan'))).toString()).toBe('plan');
  });

  it('let every other error through', async () => {
    const store = createMemoryStore();
    await expect(getArtefact(store, ref, 'x')).rejects.toMatchObject({ code: 'TRB-NO-SUCH-BUCKET' });
  });
});

describe('probeCapabilities', () => {
  it('finds a store that creates once, and leaves nothing behind', async () => {
    const store = createMemoryStore({ buckets: ['b'] });
    expect(await probeCapabilities(store, 'b', '_tributary/')).toEqual({ createOnce: true });
    expect(store.keys('b')).toEqual([]);
    expect(store.openUploads()).toEqual([]);
    expect(store.log.every(({ key }) => key?.startsWith('_tributary/probe-'))).toBe(true);
  });

  it('finds a store that ignores the precondition', async () => {
    const store = createMemoryStore({ buckets: ['b'], createOnce: false });
    expect(await probeCapabilities(store, 'b', '_tributary/')).toEqual({ createOnce: false });
    expect(store.keys('b')).toEqual([]);
  });

  it('finds one that honours it for PutObject only', async () => {
    const store = createMemoryStore({ buckets: ['b'] });
    const lax = { ...store, completeUpload: () => Promise.resolve({ etag: '"x"' }) };
    expect(await probeCapabilities(lax, 'b', '_tributary/')).toEqual({ createOnce: false });
  });

  it.each([[1, true], [Infinity, false]])('tries again where the answer to Complete is lost with its upload (%d times)', async (lost, createOnce) => {
    const store = createMemoryStore({ buckets: ['b'] });
    let completions = 0;
    const losing: ObjectStore = {
      ...store, completeUpload: (request, options) => (completions += 1) <= lost ? Promise.reject(new TributaryError('TRB-NO-SUCH-KEY', 'no such upload')) : store.completeUpload(request, options),
    };
    expect(await probeCapabilities(losing, 'b', '_tributary/')).toEqual({ createOnce });
    expect([store.keys('b'), store.openUploads()]).toEqual([[], []]);
  });

  it('fails with what a write fails with, and does without the permission to delete', async () => {
    await expect(probeCapabilities(createMemoryStore(), 'b', '')).rejects.toMatchObject({ code: 'TRB-NO-SUCH-BUCKET' });
    const store = createMemoryStore({
      buckets: ['b'], onCall: ({ operation }) => operation === 'delete' ? Object.assign(new Error('no'), { httpStatus: 403, storeCode: 'AccessDenied' }) : undefined,
    });
    expect(await probeCapabilities(store, 'b', '')).toEqual({ createOnce: true });
  });
});
