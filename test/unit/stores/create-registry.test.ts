import { describe, expect, it } from '@jest/globals';
import { storeConfig, type StoreConfig } from '../../../src/contracts/config.ts';
import { createRegistry } from '../../../src/stores/create-registry.ts';
import type { ObjectStore } from '../../../src/stores/object-store.ts';
import { createManualClock } from '../../support/manual-clock.ts';
import { createMemoryStore } from '../../support/memory-store.ts';

const config = (overrides: Partial<StoreConfig> = {}): StoreConfig => ({ ...storeConfig.parse({}), ...overrides });

describe('createRegistry', () => {
  it('connects a store at its first use and shares it, and its governor, between sessions', async () => {
    const clock = createManualClock();
    const connected: string[] = [];
    const registry = createRegistry({ default: config({ requestsPerSecond: 10 }), archive: config() }, {
      clock, connect: (name) => {
        connected.push(name);
        return createMemoryStore({ name, buckets: ['b'] });
      },
    });
    expect(registry.names()).toEqual(['default', 'archive']);
    expect(connected).toEqual([]);
    const sessions = [registry.session('default', { patience: 'forever' }), registry.session('default', { patience: 'forever' })];
    expect(connected).toEqual(['default']);
    await clock.run(Promise.all(sessions.flatMap(({ store }) => Array.from({ length: 25 }, () => store.headBucket('b')))));
    expect(clock.nowMs()).toBeGreaterThan(4_500);
    expect(sessions.map(({ requests }) => requests.head)).toEqual([25, 25]);
    expect(sessions[0]?.store.name).toBe('default');
  });

  it('says which stores there are when one is not among them', () => {
    const registry = createRegistry({ default: config(), archive: config() });
    expect(() => registry.session('other', { patience: 0 })).toThrow(expect.objectContaining({ code: 'TRB-UNKNOWN-STORE', message: expect.stringContaining('default, archive') }));
    expect(() => registry.session('toString', { patience: 0 })).toThrow(expect.objectContaining({ code: 'TRB-UNKNOWN-STORE' }));
  });

  it('says whether a store creates once where its configuration does', () => {
    const registry = createRegistry({ tried: config(), sure: config({ createOnce: 'yes' }), lax: config({ createOnce: 'no' }) });
    expect(['tried', 'sure', 'lax'].map((name) => registry.createOnce(name))).toEqual([undefined, true, false]);
  });

  it('pings: any answer about a bucket that nobody has is an answer', async () => {
    const looking = (options: Parameters<typeof createMemoryStore>[0]): ObjectStore['list'] => createMemoryStore(options).list;
    const answering: Record<string, ObjectStore['list']> = {
      up: looking({}),
      denied: looking({ onCall: () => Object.assign(new Error('no'), { httpStatus: 403, storeCode: 'AccessDenied' }) }),
      wrongKeys: looking({ onCall: () => Object.assign(new Error('no'), { httpStatus: 403, storeCode: 'InvalidAccessKeyId' }) }),
      down: looking({ name: 'down', onCall: () => Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }) }),
    };
    const stores = Object.fromEntries(Object.keys(answering).map((name) => [name, config()]));
    const registry = createRegistry(stores, { connect: (name): ObjectStore => ({ ...createMemoryStore({ name }), list: answering[name] ?? looking({}) }) });
    expect(await registry.ping(5_000)).toEqual({
      up: null, denied: null,
      wrongKeys: expect.objectContaining({ code: 'TRB-BAD-CREDENTIALS' }), down: expect.objectContaining({ code: 'TRB-STORE-UNREACHABLE', message: expect.stringContaining('cannot be reached') }),
    });
  });

  it('says of a store that does not answer in time that it does not', async () => {
    const registry = createRegistry({ slow: config() }, {
      connect: () => createMemoryStore({ onCall: () => new Promise(() => undefined) }),
    });
    expect(await registry.ping(20)).toEqual({ slow: expect.objectContaining({ code: 'TRB-STORE-UNREACHABLE', message: 'store slow gave no answer within 20 ms' }) });
  });

  it('closes the stores it connected', () => {
    let closed = 0;
    const registry = createRegistry({ a: config(), b: config() }, { connect: () => ({ ...createMemoryStore(), close: () => void (closed += 1) }) });
    registry.session('a', { patience: 0 });
    registry.close();
    expect(closed).toBe(1);
  });
});
