import { describe, expect, it } from '@jest/globals';
import { isTributaryError, TributaryError } from '../../../src/contracts/errors.ts';
import type { OutputOptions } from '../../../src/contracts/merge.ts';
import { Allowance, type Rates } from '../../../src/stores/allowance.ts';
import { bodyOf } from '../../../src/stores/body.ts';
import { wrongLength } from '../../../src/stores/classify.ts';
import { Governor } from '../../../src/stores/governor.ts';
import { listAll } from '../../../src/stores/list-all.ts';
import type { SessionOptions, StoreSession } from '../../../src/stores/registry.ts';
import { withRetries, type RequestObserver } from '../../../src/stores/retrying-store.ts';
import { createManualClock, type ManualClock } from '../../support/manual-clock.ts';
import { createMemoryStore, type Fault, type MemoryStore, type MemoryStoreOptions, type StoreCall } from '../../support/memory-store.ts';

const system = (code: string): Error => Object.assign(new Error(`${code} happened`), { code });
const service = (httpStatus: number, storeCode: string): Error => Object.assign(new Error(storeCode), { httpStatus, storeCode });

type RequestEvent = Parameters<RequestObserver>;

interface Setup { readonly memory: MemoryStore; readonly session: StoreSession; readonly clock: ManualClock; readonly governor: Governor; readonly events: RequestEvent[] }

function open(onCall: MemoryStoreOptions['onCall'], { patience = 'forever', encryption, ...rates }: Partial<Rates & SessionOptions> = {}): Setup {
  const memory = createMemoryStore({ buckets: ['b'], onCall });
  const clock = createManualClock();
  const governor = new Governor({ clock });
  const events: RequestEvent[] = [];
  const allowance = new Allowance(clock);
  allowance.rates = { requestsPerSecond: null, bytesPerSecond: null, downloads: null, ...rates };
  const session = withRetries(memory, { patience, allowance, encryption }, { governor, clock, random: () => 0.5, observe: (...event) => events.push(event) });
  return { memory, session, clock, governor, events };
}

/** The first calls of an operation fail, one error after another; the rest do not. */
const failing = (operation: StoreCall['operation'], ...faults: Fault[]) => (call: StoreCall): Fault => call.operation === operation ? faults[call.nth] : undefined;
const outcomes = (memory: MemoryStore): readonly string[] => memory.log.map(({ operation, outcome }) => `${operation} ${outcome}`);
const codeOf = async (work: Promise<unknown>): Promise<string> => {
  try {
    await work;
  } catch (error) {
    return isTributaryError(error) ? error.code : String(error);
  }
  return 'ok';
};

describe('retries', () => {
  it('tries transient failures again until one succeeds, with a back-off that grows', async () => {
    const faults = [system('ECONNRESET'), service(500, 'InternalError'), service(503, 'SlowDown'), system('ECONNREFUSED'), system('EAI_AGAIN')];
    const { session, clock, memory } = open(failing('list', ...faults));
    expect(await clock.run(session.store.list({ bucket: 'b', prefix: '' }))).toEqual({ objects: [], prefixes: [] });
    expect(memory.log).toHaveLength(6);
    expect(clock.sleeps.filter((ms) => [50, 100, 200, 400, 800].includes(ms))).toEqual([50, 100, 200, 400, 800]);
    expect(session.requests.list).toBe(6);
    expect(session.retries()).toBe(5);
  });

  it('waits at most 20 s between tries, for as long as it takes', async () => {
    const { session, clock } = open(({ nth }) => nth < 500 ? system('ECONNREFUSED') : undefined);
    await clock.run(session.store.list({ bucket: 'b', prefix: '' }));
    expect(Math.max(...clock.sleeps)).toBe(10_000);
    expect(clock.nowMs()).toBeGreaterThan(4_000_000);
  });

  it.each([
    ['denied', service(403, 'AccessDenied'), 'TRB-ACCESS-DENIED'], ['no bucket', service(404, 'NoSuchBucket'), 'TRB-NO-SUCH-BUCKET'],
    ['unknown key id', service(404, 'XAdminUserNotFound'), 'TRB-BAD-CREDENTIALS'], ['certificate', system('CERT_HAS_EXPIRED'), 'TRB-INVALID-CONFIG'],
    ['defect', new TypeError('defect'), 'TRB-INTERNAL'],
  ].map(([title, fault, code]) => ({ title, fault, code })))('throws at once what will not pass: $title', async ({ fault, code }) => {
    const { session, clock, memory } = open(failing('list', fault as Error, fault as Error));
    expect(await codeOf(session.store.list({ bucket: 'b', prefix: '' }))).toBe(code);
    expect(memory.log).toHaveLength(1);
    expect(clock.sleeps).toEqual([]);
  });

  it('gives up when its patience ends, counted from the first failure', async () => {
    const { session, clock } = open(() => system('ECONNREFUSED'), { patience: 3_000 });
    expect(await clock.run(codeOf(session.store.list({ bucket: 'b', prefix: '' })))).toBe('TRB-STORE-UNREACHABLE');
    expect(clock.nowMs()).toBeLessThanOrEqual(3_000);
    expect(clock.nowMs()).toBeGreaterThan(1_000);
  });

  it('does not hope for long that a damaged body gets better', async () => {
    const { session, clock, memory } = open(failing('put', ...Array.from({ length: 9 }, () => service(400, 'BadDigest'))));
    expect(await clock.run(codeOf(session.store.put({ bucket: 'b', key: 'k', body: bodyOf('x') })))).toBe('TRB-STORE-FAULT');
    expect(outcomes(memory).filter((line) => line.startsWith('put'))).toHaveLength(3);
  });

  const damaged = service(400, 'BadDigest');
  const skewed = service(403, 'RequestTimeTooSkewed');
  const away = Array.from({ length: 5 }, () => system('ECONNREFUSED'));
  it.each([
    { title: 'a body that is damaged', faults: [...away, damaged, ...away, damaged], code: 'ok' }, { title: 'one that stays damaged', faults: [damaged, ...away, damaged, damaged], code: 'TRB-STORE-FAULT' },
    { title: 'a clock that is wrong as a machine wakes up', faults: [...away, skewed], code: 'ok' },
  ])('counts what passes seldom apart from a network that was away: $title', async ({ faults, code }) => {
    const { session, clock } = open(failing('put', ...faults));
    expect(await clock.run(codeOf(session.store.put({ bucket: 'b', key: 'k', body: bodyOf('x') })))).toBe(code);
  });

  it('ends a back-off at once with the reason of its signal', async () => {
    const controller = new AbortController();
    const reason = new Error('paused');
    const { session, clock } = open(() => system('ECONNREFUSED'));
    const work = session.store.list({ bucket: 'b', prefix: '' }, { signal: controller.signal });
    await clock.advance(500);
    controller.abort(reason);
    await expect(work).rejects.toBe(reason);
  });

  it('says what it waits for, and that it waits no more', async () => {
    const { session, clock } = open(failing('list', service(503, 'SlowDown'), undefined, system('ECONNREFUSED')));
    const first = session.store.list({ bucket: 'b', prefix: '' });
    await clock.advance(10);
    expect(session.waitingFor()).toBe('store default throttles');
    await clock.run(first);
    await clock.advance(60_000);
    const second = session.store.list({ bucket: 'b', prefix: '' });
    await clock.advance(10);
    expect(session.waitingFor()).toMatch(/^store default cannot be reached: ECONNREFUSED/);
    await clock.run(second);
    expect(session.waitingFor()).toBeNull();
  });

  it('tells the governor of a throttling answer, so that the whole store is asked less', async () => {
    const { session, clock, governor, events } = open(failing('get', service(503, 'SlowDown')));
    await clock.run(codeOf(session.store.get({ bucket: 'b', key: 'k' })));
    expect(governor.isThrottled()).toBe(true);
    expect(events.map(([kind, , requestClass]) => `${kind} ${requestClass}`)).toEqual(['request get', 'throttle get', 'request get', 'retry get']);
  });

  it('keeps to what its run may ask for', async () => {
    const { session, clock } = open(undefined, { requestsPerSecond: 10 });
    await clock.run(Promise.all(Array.from({ length: 100 }, () => session.store.head({ bucket: 'b', key: 'k' }))));
    expect(clock.nowMs()).toBeGreaterThan(9_000);
    expect(clock.nowMs()).toBeLessThan(11_000);
  });

  it('counts requests by class', async () => {
    const { session, clock } = open(undefined);
    const { store } = session;
    const ref = { bucket: 'b', key: 'k' };
    const all = async (): Promise<void> => {
      await store.put({ ...ref, body: bodyOf('x') });
      await store.get(ref);
      const { uploadId } = await store.createUpload(ref);
      const { etag } = await store.uploadPart({ ...ref, uploadId, partNumber: 1, body: bodyOf('x') });
      await store.listParts({ ...ref, uploadId });
      await store.listUploads({ bucket: 'b', prefix: '' });
      await store.completeUpload({ ...ref, uploadId, parts: [{ partNumber: 1, etag, crc32: bodyOf('x').crc32 }], sizeBytes: 1, crc32: bodyOf('x').crc32 });
      await store.abortUpload({ ...ref, uploadId });
      await store.delete(ref);
      await store.head(ref);
      await store.headBucket('b');
      await store.createBucket('c');
      await store.list({ bucket: 'b', prefix: '' });
    };
    await clock.run(all());
    expect(session.requests).toEqual({ list: 3, get: 1, head: 2, put: 5, copy: 0, delete: 2 });
  });
});

describe('pages of a listing', () => {
  it('that name themselves as the next one are no walk without an end', async () => {
    const { memory, clock, governor } = open(undefined);
    const asked: (string | undefined)[] = [];
    const circling: MemoryStore = {
      ...memory,
      list: ({ continuationToken }) => {
        asked.push(continuationToken);
        return Promise.resolve({ objects: [], prefixes: [], next: 'again' });
      },
    };
    const { store } = withRetries(circling, { patience: 'forever' }, { governor, clock, random: () => 0.5 });
    const walk = async (): Promise<void> => {
      for await (const { key } of listAll(store, { bucket: 'b', prefix: 'p/' })) throw new Error(`nobody listed ${key}`);
    };
    await expect(clock.run(walk())).rejects.toMatchObject({ code: 'TRB-STORE-FAULT', message: expect.stringContaining('names itself') });
    expect(asked).toEqual([undefined, 'again', 'again', 'again']);
  });
});

describe('reads that break', () => {
  const content = Buffer.from('0123456789abcdef');
  const source = { bucket: 'b', key: 'k', offset: 2, lengthBytes: 12, sizeBytes: content.length };

  it('go on from the byte they reached, until all is there', async () => {
    const faults: Fault[] = [{ cutAfterBytes: 3 }, { cutAfterBytes: 0 }, system('ECONNREFUSED'), { cutAfterBytes: 4 }, { cutAfterBytes: 4 }];
    const { session, clock, memory } = open(failing('readInto', ...faults));
    const ifMatch = memory.seed('b', 'k', content);
    const into = Buffer.alloc(14, '.');
    await clock.run(session.store.readInto({ ...source, ifMatch }, into));
    expect(into.toString()).toBe('23456789abcd..');
    expect(memory.log.map(({ request }) => {
      const { offset, lengthBytes } = request as typeof source;
      return [offset, lengthBytes];
    })).toEqual([[2, 12], [5, 9], [5, 9], [5, 9], [9, 5], [13, 1]]);
  });

  it('do not lose patience while they move on', async () => {
    const { session, clock, memory } = open((call) => call.operation === 'readInto' ? { cutAfterBytes: 1 } : undefined, { patience: 200 });
    const ifMatch = memory.seed('b', 'k', content);
    await clock.run(session.store.readInto({ ...source, ifMatch }, Buffer.alloc(12)));
    expect(session.requests.get).toBe(12);
  });

  it('end where the source changed in between', async () => {
    const { session, clock, memory } = open((call) => {
      if (call.operation !== 'readInto' || call.nth > 0) return undefined;
      return { cutAfterBytes: 3 };
    });
    const ifMatch = memory.seed('b', 'k', content);
    const work = codeOf(session.store.readInto({ ...source, ifMatch }, Buffer.alloc(12)));
    memory.seed('b', 'k', 'other bytes here');
    expect(await clock.run(work)).toBe('TRB-SOURCE-CHANGED');
  });

  it('say how many bytes had come before that', async () => {
    const { session, clock, memory } = open((call) => {
      if (call.operation !== 'readInto') return undefined;
      return call.nth < 2 ? { cutAfterBytes: 3 } : Object.assign(new Error('gone'), { httpStatus: 404, storeCode: 'NoSuchKey' });
    });
    const ifMatch = memory.seed('b', 'k', content);
    const into = Buffer.alloc(12);
    const error = await clock.run(session.store.readInto({ ...source, ifMatch }, into).catch((thrown: unknown) => thrown));
    expect(error).toMatchObject({ code: 'TRB-SOURCE-GONE', context: { receivedBytes: 6 } });
    expect(into.subarray(0, 6).toString()).toBe(content.subarray(source.offset, source.offset + 6).toString());
  });

  it('are given up soon where the source stays of another length, and not where it passes', async () => {
    const other = (): Error => wrongLength({ store: 'default', bucket: 'b', key: 'k', operation: 'readInto' }, '99 bytes where 12 were asked for', 200);
    for (const [faults, code] of [[[other(), other(), other()], 'TRB-SOURCE-CHANGED'], [[other(), other()], 'ok']] as const) {
      const { session, clock, memory } = open(failing('readInto', ...faults));
      const ifMatch = memory.seed('b', 'k', content);
      expect(await clock.run(codeOf(session.store.readInto({ ...source, ifMatch }, Buffer.alloc(12))))).toBe(code);
    }
  });

  it('pay for their bytes once', async () => {
    const { session, clock, memory } = open(failing('readInto', { cutAfterBytes: 3 }), { bytesPerSecond: 4 });
    const ifMatch = memory.seed('b', 'k', content);
    await clock.run(session.store.readInto({ ...source, ifMatch }, Buffer.alloc(12)));
    expect(clock.nowMs()).toBeGreaterThan(2_900);
    expect(clock.nowMs()).toBeLessThan(3_300);
  });
});

describe('writes whose answer is lost', () => {
  const put = { bucket: 'b', key: 'k', body: bodyOf('mine'), ifNoneMatch: '*' } as const;

  it('are found to exist, and the caller settles whose they are', async () => {
    const { session, clock, memory } = open(failing('put', 'swallow answer'));
    expect(await clock.run(codeOf(session.store.put(put)))).toBe('TRB-CHUNK-CONFLICT');
    expect(outcomes(memory)).toEqual(['put TRB-STORE-UNREACHABLE', 'head ok']);
    expect(memory.peek('b', 'k')?.toString()).toBe('mine');
  });

  it('are sent again where they did not arrive', async () => {
    const { session, clock, memory } = open(failing('put', system('ECONNRESET')));
    await clock.run(session.store.put(put));
    expect(outcomes(memory)).toEqual(['put TRB-STORE-UNREACHABLE', 'head ok', 'createUpload ok', 'abortUpload ok', 'put ok']);
    expect(session.requests).toMatchObject({ put: 3, head: 1, delete: 1 });
    expect(session.retries()).toBe(1);
  });

  it('are not asked about where no connection was made', async () => {
    const { session, clock, memory } = open(failing('put', system('ECONNREFUSED')));
    await clock.run(session.store.put(put));
    expect(outcomes(memory)).toEqual(['put TRB-STORE-UNREACHABLE', 'put ok']);
  });

  it('end with the reason when the store refused them and hung up', async () => {
    const denied = (call: StoreCall): Fault => call.operation === 'put' ? system('EPIPE') : call.operation === 'createUpload' ? service(403, 'AccessDenied') : undefined;
    const { session, clock, memory } = open(denied);
    expect(await clock.run(codeOf(session.store.put(put)))).toBe('TRB-ACCESS-DENIED');
    expect(memory.log).toHaveLength(3);
  });

  it('find out that their upload is gone', async () => {
    const { session, clock } = open(failing('uploadPart', system('ECONNRESET')));
    expect(await clock.run(codeOf(session.store.uploadPart({ bucket: 'b', key: 'k', uploadId: 'gone', partNumber: 1, body: bodyOf('x') })))).toBe('TRB-NO-SUCH-KEY');
  });

  it('need no permission to list parts', async () => {
    const { session, clock, memory } = open((call) =>
      call.operation === 'uploadPart' && call.nth === 0 ? system('ECONNRESET') : call.operation === 'listParts' ? service(403, 'AccessDenied') : undefined);
    const { uploadId } = await memory.createUpload({ bucket: 'b', key: 'k' });
    await clock.run(session.store.uploadPart({ bucket: 'b', key: 'k', uploadId, partNumber: 1, body: bodyOf('x') }));
    expect(memory.openUploads()).toEqual([expect.objectContaining({ uploadId })]);
  });

  it('are sent again to a bucket that refuses every write without encryption', async () => {
    const { session, clock } = open(({ operation, nth, request }) => {
      // As a policy does: UploadPart has no such header.
      const isPlain = (request as { readonly output?: OutputOptions }).output?.encryption === undefined;
      if ((operation === 'createUpload' || operation === 'put') && isPlain) return service(403, 'AccessDenied');
      return (operation === 'uploadPart' || operation === 'put') && nth === 0 ? system('ECONNRESET') : undefined;
    }, { encryption: { type: 's3' } });
    expect(await clock.run(codeOf(session.store.put(put)))).toBe('ok');
    const { uploadId } = await session.store.createUpload({ bucket: 'b', key: 'large' });
    expect(await clock.run(codeOf(session.store.uploadPart({ bucket: 'b', key: 'large', uploadId, partNumber: 1, body: bodyOf('x') })))).toBe('ok');
  });
});

describe('completions', () => {
  const completion = async (memory: MemoryStore): Promise<Parameters<MemoryStore['completeUpload']>[0]> => {
    const { uploadId } = await memory.createUpload({ bucket: 'b', key: 'k' });
    const body = bodyOf('x');
    const { etag } = await memory.uploadPart({ bucket: 'b', key: 'k', uploadId, partNumber: 1, body });
    return { bucket: 'b', key: 'k', uploadId, parts: [{ partNumber: 1, etag, crc32: body.crc32 }], sizeBytes: 1, crc32: body.crc32, ifNoneMatch: '*' };
  };

  it.each([
    { title: 'server error', fault: service(500, 'InternalError') }, { title: '503 of a proxy', fault: service(503, 'ServiceUnavailable') },
    { title: 'reset', fault: system('ECONNRESET') },
  ])('are repeated while their upload is there: $title', async ({ fault }) => {
    const { session, clock, memory } = open(failing('completeUpload', fault, fault));
    await clock.run(session.store.completeUpload(await completion(memory)));
    expect(outcomes(memory).slice(2).map((line) => line.split(' ')[0])).toEqual(['completeUpload', 'listParts', 'completeUpload', 'listParts', 'completeUpload']);
    expect(memory.peek('b', 'k')?.toString()).toBe('x');
  });

  it.each([['is gone by then', 0, 'TRB-NO-SUCH-KEY'], ['goes while it is asked for', 2, 'TRB-NO-SUCH-KEY'], ['is there', Infinity, 'TRB-STORE-REFUSED']])('that is refused asks for the upload, which %s', async (_, abortedAt, code) => {
    let request: Awaited<ReturnType<typeof completion>> | null = null;
    const { session, clock, memory } = open((call) => {
      if (call.operation === 'listParts' && call.nth === abortedAt && request) void memory.abortUpload(request);
      return call.operation === 'completeUpload' ? service(400, 'InvalidRequest') : undefined;
    });
    request = await completion(memory);
    const startedMs = clock.nowMs();
    expect(await clock.run(codeOf(session.store.completeUpload(request)))).toBe(code);
    expect(session.requests.put).toBe(abortedAt === Infinity ? 5 : abortedAt + 1);
    expect(clock.nowMs() - startedMs).toBeLessThan(2_000);
  });

  it('that are refused are not given up for a store that was away before', async () => {
    const { session, clock, memory } = open(failing('completeUpload', ...Array.from({ length: 6 }, () => system('ECONNREFUSED')), service(400, 'InvalidRequest')));
    expect(await clock.run(codeOf(session.store.completeUpload(await completion(memory))))).toBe('ok');
  });

  it('are not repeated once it is gone: some servers would call that a success', async () => {
    const { session, clock, memory } = open(failing('completeUpload', 'swallow answer'));
    expect(await clock.run(codeOf(session.store.completeUpload(await completion(memory))))).toBe('TRB-NO-SUCH-KEY');
    expect(session.requests).toMatchObject({ put: 1, list: 1 });
  });

  it('are not repeated where nobody may say whether it is there', async () => {
    const { session, clock, memory } = open((call) =>
      call.operation === 'completeUpload' ? service(500, 'InternalError') : call.operation === 'listParts' ? service(403, 'AccessDenied') : undefined);
    expect(await clock.run(codeOf(session.store.completeUpload(await completion(memory))))).toBe('TRB-STORE-FAULT');
    expect(session.requests.put).toBe(1);
  });

  it('are repeated without asking where the store cannot have acted on them', async () => {
    const { session, clock, memory } = open(failing('completeUpload', system('ECONNREFUSED'), service(503, 'SlowDown')));
    await clock.run(session.store.completeUpload(await completion(memory)));
    expect(session.requests).toMatchObject({ put: 3, list: 0 });
  });
});

describe('errors', () => {
  it('are ours, whatever an adapter throws', async () => {
    const { session, clock, memory } = open(undefined);
    memory.setFault(() => {
      throw new RangeError('adapter');
    });
    await expect(clock.run(session.store.head({ bucket: 'b', key: 'k' }))).rejects.toBeInstanceOf(TributaryError);
  });
});

describe('a source that is read whole and has a checksum', () => {
  /** A store in which the first `damaged` reads of an object change one byte on the way. */
  const openDamaging = (damaged: number): Setup & { readonly reads: () => number } => {
    const setup = open(undefined);
    let reads = 0;
    const damaging: MemoryStore = {
      ...setup.memory,
      readInto: async (request, into, options) => {
        const result = await setup.memory.readInto(request, into, options);
        reads += 1;
        if (reads <= damaged) into[1] = (into[1] ?? 0) ^ 1;
        return result;
      },
    };
    const session = withRetries(damaging, { patience: 'forever' }, { governor: setup.governor, clock: setup.clock, random: () => 0.5 });
    return { ...setup, session, reads: () => reads };
  };

  it('is read again where a byte was changed on its way', async () => {
    const { memory, session, clock, reads } = openDamaging(2);
    const etag = memory.seed('b', 'k', 'content');
    const into = Buffer.alloc(9);
    await clock.run(session.store.readInto({ bucket: 'b', key: 'k', ifMatch: etag, offset: 0, lengthBytes: 7, sizeBytes: 7 }, into));
    expect([into.toString('latin1', 0, 7), reads(), session.retries()]).toEqual(['content', 3, 2]);
  });

  it('is corrupt where that does not help', async () => {
    const { memory, session, clock, reads } = openDamaging(99);
    const etag = memory.seed('b', 'k', 'content');
    const read = session.store.readInto({ bucket: 'b', key: 'k', ifMatch: etag, offset: 0, lengthBytes: 7, sizeBytes: 7 }, Buffer.alloc(7));
    await expect(clock.run(read)).rejects.toMatchObject({ code: 'TRB-SOURCE-CORRUPT', message: expect.stringContaining('s3://b/k') });
    expect(reads()).toBe(3);
  });
});
