import { describe, expect, it } from '@jest/globals';
import { Allowance, type Rates } from '../../../src/stores/allowance.ts';
import { Governor } from '../../../src/stores/governor.ts';
import { withRetries } from '../../../src/stores/retrying-store.ts';
import type { ObjectStore } from '../../../src/stores/object-store.ts';
import { createManualClock, type ManualClock } from '../../support/manual-clock.ts';
import { createMemoryStore, type MemoryStore } from '../../support/memory-store.ts';

const UNLIMITED: Rates = { requestsPerSecond: null, bytesPerSecond: null, downloads: null };
const KiB = 2 ** 10;

interface Setup { readonly clock: ManualClock; readonly allowance: Allowance; readonly memory: MemoryStore; readonly stores: readonly [ObjectStore, ObjectStore]; readonly ifMatch: string }

/** Two sessions of one run, as of a source and a target. */
function open(rates: Partial<Rates>, content = Buffer.alloc(10)): Setup {
  const clock = createManualClock();
  const memory = createMemoryStore({ buckets: ['b'] });
  const allowance = new Allowance(clock);
  allowance.rates = { ...UNLIMITED, ...rates };
  const session = (): ObjectStore => withRetries(memory, { patience: 'forever', allowance }, { governor: new Governor({ clock }), clock, random: () => 0.5 }).store;
  return { clock, allowance, memory, stores: [session(), session()], ifMatch: memory.seed('b', 'k', content) };
}

const head = (store: ObjectStore): Promise<unknown> => store.head({ bucket: 'b', key: 'k' });

describe('what a run may ask for', () => {
  it('is shared by all of its sessions', async () => {
    const { clock, stores: [one, other] } = open({ requestsPerSecond: 10 });
    await clock.run(Promise.all(Array.from({ length: 50 }, () => Promise.all([head(one), head(other)]))));
    expect(clock.nowMs()).toBeGreaterThan(9_000);
    expect(clock.nowMs()).toBeLessThan(11_000);
  });

  it('can change while requests wait for it', async () => {
    const { clock, allowance, stores: [one] } = open({ requestsPerSecond: 1 });
    const all = Promise.all(Array.from({ length: 100 }, () => head(one)));
    allowance.rates = { ...UNLIMITED, requestsPerSecond: 50 };
    await clock.run(all);
    expect(clock.nowMs()).toBeLessThan(3_500);
  });

  it('is asked for in steps of a quarter of a second, where a range of an object is read', async () => {
    const content = Buffer.from(Array.from({ length: 4096 * KiB }, (_, at) => at * 7 % 251));
    const { clock, memory, stores: [one], ifMatch } = open({ bytesPerSecond: 2048 * KiB }, content);
    const into = Buffer.alloc(3072 * KiB);
    await clock.run(one.readInto({ bucket: 'b', key: 'k', ifMatch, offset: 1024 * KiB, lengthBytes: into.length, sizeBytes: content.length }, into));
    expect(into.equals(content.subarray(1024 * KiB))).toBe(true);
    expect(memory.log.filter(({ operation }) => operation === 'readInto')).toHaveLength(6);
    expect(clock.nowMs()).toBeGreaterThan(1_350);
    expect(clock.nowMs()).toBeLessThan(1_600);
  });

  it('is asked for at once where an object is read whole: only so can its checksum be seen', async () => {
    const content = Buffer.alloc(3072 * KiB, 1);
    const { clock, memory, stores: [one], ifMatch } = open({ bytesPerSecond: 1024 * KiB }, content);
    await clock.run(one.readInto({ bucket: 'b', key: 'k', ifMatch, offset: 0, lengthBytes: content.length, sizeBytes: content.length }, Buffer.alloc(content.length)));
    expect(memory.log.filter(({ operation }) => operation === 'readInto')).toHaveLength(1);
  });
});

describe('downloads', () => {
  /** Reads that end when they are told to. */
  function reads(allowance: Allowance): { readonly start: (signal?: AbortSignal) => Promise<void>; readonly underWay: () => number; readonly endOne: () => Promise<void> } {
    const ends: (() => void)[] = [];
    return {
      start: (signal) => allowance.download(() => new Promise<void>((resolve) => { ends.push(resolve); }), signal),
      underWay: () => ends.length,
      endOne: async () => {
        ends.shift()?.();
        for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
      },
    };
  }

  it('are no more at the same time than there are permits, in the order in which they came', async () => {
    const { allowance } = open({ downloads: 2 });
    const { start, underWay, endOne } = reads(allowance);
    const all = Promise.all([start(), start(), start(), start()]);
    expect(underWay()).toBe(2);
    await endOne();
    expect(underWay()).toBe(2);
    allowance.rates = { ...UNLIMITED, downloads: 1 };
    await endOne();
    expect(underWay()).toBe(1);
    allowance.rates = UNLIMITED;
    for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
    expect(underWay()).toBe(2);
    await endOne();
    await endOne();
    await all;
  });

  it('that wait leave at once when they are aborted, and take no permit', async () => {
    const { allowance } = open({ downloads: 0 });
    const { start, underWay, endOne } = reads(allowance);
    const abort = new AbortController();
    const left = start(abort.signal);
    const kept = start();
    abort.abort(new Error('left'));
    await expect(left).rejects.toThrow('left');
    allowance.rates = { ...UNLIMITED, downloads: 1 };
    for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
    expect(underWay()).toBe(1);
    await endOne();
    await kept;
  });
});
