/** The prefetch before a store whose answers are given by the test. */
import { afterEach, describe, expect, it } from '@jest/globals';
import { Prefetch, PrefetchClosed, type Fetched } from '../../../src/pipeline/prefetch.ts';
import type { ReadingItem, SourceStretch } from '../../../src/pipeline/reading-list.ts';
import { Slab, SLOT_BYTES, type Reservation } from '../../../src/pipeline/slab.ts';
import type { ObjectStore, ReadRequest } from '../../../src/stores/object-store.ts';
import { until } from '../../support/until.ts';

interface Asked { readonly request: ReadRequest; readonly answer: () => void; readonly fail: (reason: unknown) => void }

/** What was asked for and not answered, in order. */
let asked: Asked[];
/** Whether a read is answered at once. */
let atOnce: (request: ReadRequest) => boolean;
let slab: Slab;
let reservation: Reservation;
let prefetch: Prefetch;
/** Whether it pays to read ahead. */
let mayReadAhead: boolean;

const store = {
  readInto: (request: ReadRequest) => new Promise((resolve, reject) => {
    if (atOnce(request)) resolve({});
    else asked.push({ request, answer: () => { resolve({}); }, fail: reject });
  }),
} as unknown as ObjectStore;

function source(row: number, sizeBytes: number): SourceStretch {
  return { kind: 'stretch', group: 0, row, key: `k${row}`, sizeBytes, etag: '"e"', from: 0, to: null, ends: true, record: null, rest: null, isWritable: true };
}

async function start(sources: readonly SourceStretch[], { slots = 8, downloads = 25 } = {}): Promise<void> {
  asked = [];
  atOnce = () => false;
  mayReadAhead = true;
  slab = new Slab(slots * SLOT_BYTES);
  reservation = await slab.reserve(slots, new AbortController().signal);
  async function* items(): AsyncGenerator<readonly ReadingItem[]> {
    for (let from = 0; from < sources.length; from += 1000) yield sources.slice(from, from + 1000);
  }
  prefetch = new Prefetch({
    store, bucket: 'b', reservation, scanner: slab.scanner, items: items(), downloads, bytesPerSecond: null, decode: false, keepFree: 0, mayReadAhead: () => mayReadAhead,
  });
}

afterEach(async () => {
  const closed = prefetch.close();
  for (const { fail } of asked.splice(0)) fail(new PrefetchClosed('closed'));
  await closed;
  reservation.end();
});

/** The loop goes round until nothing happens by itself any more. */
async function settle(turns = 10): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => { setImmediate(resolve); });
}

const nameOf = (event: Fetched | null): string => {
  if (event === null) return 'over';
  return event.kind === 'piece' || event.kind === 'jump' ? event.kind : `${event.kind} ${event.stretch.row}`;
};

/** Takes events up to `until`, and lets go of their pieces. */
async function takeUntil(until: string): Promise<string[]> {
  const names: string[] = [];
  while (names.at(-1) !== until) {
    const event = await prefetch.next();
    names.push(nameOf(event));
    if (event?.kind === 'piece') event.piece.slot.release();
  }
  return names;
}

describe('the prefetch', () => {
  it('hands out in reading order what comes in any', async () => {
    await start([source(0, 10), source(1, 0), source(2, 10)]);
    await settle();
    expect(asked.map(({ request }) => request.key)).toEqual(['k0', 'k2']);
    asked.pop()?.answer();
    await settle();
    expect([nameOf(prefetch.take()), prefetch.take()]).toEqual(['begin 0', null]);
    asked.pop()?.answer();
    expect(await takeUntil('over')).toEqual(['piece', 'end 0', 'begin 1', 'end 1', 'begin 2', 'piece', 'end 2', 'over']);
  });

  it('asks for no more at a time than it may, and starts the next ones together at the end of the turn', async () => {
    await start(Array.from({ length: 9 }, (_, row) => source(row, 10)), { downloads: 3 });
    await settle();
    expect(asked).toHaveLength(3);
    for (const { answer } of asked.splice(0)) {
      answer();
      await Promise.resolve();
      expect(asked).toHaveLength(0);
    }
    await settle();
    expect(asked.map(({ request }) => request.key)).toEqual(['k3', 'k4', 'k5']);
  });

  it('goes on when there is room again in a queue that a slow source had filled', async () => {
    const sources = Array.from({ length: 5000 }, (_, row) => source(row, 10));
    await start(sources);
    let read = 0;
    atOnce = ({ key }) => {
      read += 1;
      return key !== 'k0';
    };
    await settle(300);
    expect(read).toBeLessThan(2000);
    expect(asked).toHaveLength(1);
    asked.pop()?.answer();
    await settle();
    const names = await takeUntil('over');
    expect(names.filter((name) => name.startsWith('end'))).toEqual(sources.map(({ row }) => `end ${row}`));
  });

  it('has one request on its way and no more where it does not pay to read ahead', async () => {
    await start([source(0, 3 * SLOT_BYTES), source(1, 10), source(2, SLOT_BYTES)]);
    mayReadAhead = false;
    const order: (readonly [key: string, offset: number])[] = [];
    await settle();
    for (let turn = 0; turn < 10 && order.length < 5; turn += 1) {
      expect(asked.length).toBeLessThanOrEqual(1);
      for (const { request: { key, offset }, answer } of asked.splice(0)) {
        order.push([key, offset]);
        answer();
      }
      await settle();
      for (let event = prefetch.take(); event; event = prefetch.take()) {
        if (event.kind === 'piece') event.piece.slot.release();
      }
    }
    expect(order).toEqual([['k0', 0], ['k0', SLOT_BYTES], ['k0', 2 * SLOT_BYTES], ['k1', 0], ['k2', 0]]);
  });

  it('reads ahead as soon as it pays, also where the one request on its way stands still', async () => {
    await start([source(0, SLOT_BYTES), source(1, SLOT_BYTES)]);
    mayReadAhead = false;
    await settle();
    expect(asked.map(({ request }) => request.key)).toEqual(['k0']);
    mayReadAhead = true;
    expect(await until(() => asked.map(({ request }) => request.key), ({ length }) => length > 1)).toEqual(['k0', 'k1']);
  });

  it('reads on in the slot that it has, whether it pays to read ahead or not', async () => {
    await start([source(0, 10), source(1, 10), source(2, 10)]);
    mayReadAhead = false;
    await settle();
    expect(asked).toHaveLength(3);
  });

  it('goes on when a slot is freed', async () => {
    await start([source(0, 3 * SLOT_BYTES)], { slots: 2 });
    atOnce = () => true;
    await prefetch.next();
    const held = [await prefetch.next(), await prefetch.next()];
    expect(held.map(nameOf)).toEqual(['piece', 'piece']);
    const third = prefetch.next();
    await settle();
    for (const event of held) if (event?.kind === 'piece') event.piece.slot.release();
    const event = await third;
    expect(nameOf(event)).toBe('piece');
    if (event?.kind === 'piece') event.piece.slot.release();
    expect(await takeUntil('over')).toEqual(['end 0', 'over']);
  });

  it('goes on behind a source that is dropped while it waits for a slot', async () => {
    const large = source(0, 3 * SLOT_BYTES);
    await start([large, source(1, 0)], { slots: 1 });
    atOnce = () => true;
    await prefetch.next();
    const held = await prefetch.next();
    await settle();
    prefetch.drop(large);
    expect(await takeUntil('over')).toEqual(['begin 1', 'end 1', 'over']);
    if (held?.kind === 'piece') held.piece.slot.release();
  });

  it('ends what is under way, and hands out nothing more, once it is closed', async () => {
    await start([source(0, 10), source(1, 10), source(2, 10)], { downloads: 2 });
    await settle();
    const next = prefetch.next().then(() => prefetch.next());
    next.catch(() => undefined);
    const closed = prefetch.close();
    expect(asked).toHaveLength(2);
    let isClosed = false;
    void closed.then(() => { isClosed = true; });
    asked.pop()?.answer();
    await settle();
    expect(isClosed).toBe(false);
    asked.pop()?.fail(new PrefetchClosed('closed'));
    await closed;
    await expect(next).rejects.toThrow(PrefetchClosed);
    expect(asked).toHaveLength(0);
    expect(slab.heldBytes).toBe(0);
  });
});
