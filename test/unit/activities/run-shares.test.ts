import { describe, expect, it } from '@jest/globals';
import type { CallsOfRun } from '../../../src/activities/running-calls.ts';
import { RunShares } from '../../../src/activities/run-shares.ts';
import type { Allowance } from '../../../src/stores/allowance.ts';
import { createManualClock, type ManualClock } from '../../support/manual-clock.ts';
import { quietLog } from '../../support/quiet-log.ts';

const NONE = { requestsPerSecond: null, bytesPerSecond: null, downloads: null };
const never = new AbortController().signal;

/** A fleet in which what each worker runs is said by the test. `here` is this worker. */
class Fleet {
  readonly clock: ManualClock = createManualClock();
  readonly shares: RunShares;
  looks = 0;
  calls: Readonly<Record<string, number>> = {};
  isAway = false;

  constructor() {
    this.shares = new RunShares({
      identity: 'here', clock: this.clock, log: quietLog,
      look: async (): Promise<CallsOfRun> => {
        this.looks += 1;
        if (this.isAway) throw new Error('Temporal is away');
        return { running: new Map(Object.entries(this.calls)), asked: 1 };
      },
    });
  }

  /** A call of the run that goes on until it is told to end. */
  async call(limits: Partial<typeof NONE> | { readonly [K in keyof typeof NONE]?: number }): Promise<{ readonly end: () => Promise<void> }> {
    let end: () => void = () => undefined;
    const started = Promise.withResolvers<undefined>();
    const over = this.shares.during('run', { ...NONE, ...limits }, never, () => {
      started.resolve(undefined);
      return new Promise<void>((resolve) => { end = resolve; });
    });
    await started.promise;
    return { end: async () => { end(); await over; } };
  }

  get allowance(): Allowance {
    return this.shares.allowanceOf('run');
  }

  /** How many downloads may be under way now. */
  async downloads(): Promise<number> {
    let held = 0;
    const all = new AbortController();
    const tries = Array.from({ length: 50 }, () => this.allowance.download(() => {
      held += 1;
      return new Promise<void>((_, reject) => { all.signal.addEventListener('abort', () => { reject(new Error('over')); }); });
    }, all.signal).catch(() => undefined));
    const found = held;
    all.abort(new Error('over'));
    await Promise.all(tries);
    return found;
  }

  /** Requests that are let through in ten seconds. */
  async requests(): Promise<number> {
    let sent = 0;
    const over = new AbortController();
    const tries = Array.from({ length: 2000 }, () => this.allowance.request(over.signal).then(() => { sent += 1; }, () => undefined));
    await this.clock.advance(10_000);
    over.abort(new Error('over'));
    await Promise.all(tries);
    return sent;
  }
}

describe('the share of a worker', () => {
  it('is all of it where no other worker has calls of the run', async () => {
    const fleet = new Fleet();
    const calls = [await fleet.call({ requestsPerSecond: 20 }), await fleet.call({ requestsPerSecond: 20 })];
    fleet.calls = { here: 2 };
    expect(await fleet.requests()).toBeGreaterThanOrEqual(195);
    expect(await fleet.requests()).toBeLessThanOrEqual(205);
    for (const call of calls) await call.end();
  });

  it('is that of its calls among all that run, and follows them within two seconds', async () => {
    const fleet = new Fleet();
    fleet.calls = { here: 1, there: 3 };
    const call = await fleet.call({ requestsPerSecond: 40 });
    expect(await fleet.requests()).toBeLessThanOrEqual(105);
    fleet.calls = { here: 1 };
    await fleet.clock.advance(2_000);
    expect(await fleet.requests()).toBeGreaterThanOrEqual(390);
    fleet.calls = { here: 1, there: 1 };
    await fleet.clock.advance(2_000);
    expect(Math.abs(await fleet.requests() - 200)).toBeLessThanOrEqual(6);
    await call.end();
  });

  it('is held through the gap between two calls', async () => {
    const fleet = new Fleet();
    fleet.calls = { here: 1, there: 1 };
    let call = await fleet.call({ requestsPerSecond: 40 });
    await fleet.clock.advance(3_000);
    await call.end();
    call = await fleet.call({ requestsPerSecond: 40 });
    fleet.calls = { here: 1 };
    await fleet.clock.advance(1_000);
    fleet.calls = { here: 1, there: 1 };
    expect(await fleet.requests()).toBeLessThanOrEqual(225);
    await call.end();
  });

  it('takes a change of the limits at once', async () => {
    const fleet = new Fleet();
    const call = await fleet.call({ requestsPerSecond: 10 });
    const next = await fleet.call({ requestsPerSecond: 50 });
    expect(Math.abs(await fleet.requests() - 500)).toBeLessThanOrEqual(10);
    fleet.shares.begin('run', { ...NONE, requestsPerSecond: 1 });
    expect(Math.abs(await fleet.requests() - 500)).toBeLessThanOrEqual(10);
    await call.end();
    await next.end();
  });

  it('stays what it was while Temporal does not answer', async () => {
    const fleet = new Fleet();
    fleet.calls = { here: 1, there: 1 };
    const call = await fleet.call({ requestsPerSecond: 40 });
    fleet.isAway = true;
    expect(await fleet.requests()).toBeLessThanOrEqual(210);
    await call.end();
  });
});

describe('downloads of a worker', () => {
  it('are none where it comes and finds others, until these have seen it', async () => {
    const fleet = new Fleet();
    fleet.calls = { there: 2 };
    const call = await fleet.call({ downloads: 5 });
    expect(await fleet.downloads()).toBe(0);
    await fleet.clock.advance(2_000);
    expect(await fleet.downloads()).toBe(0);
    await fleet.clock.advance(2_000);
    expect(await fleet.downloads()).toBe(3);
    await call.end();
  });

  it('become fewer with one look, and more when the looks of three seconds agree', async () => {
    const fleet = new Fleet();
    const call = await fleet.call({ downloads: 5 });
    fleet.calls = { there: 2 };
    await fleet.clock.advance(1_000);
    expect(await fleet.downloads()).toBe(3);
    fleet.calls = { there: 2, elsewhere: 2 };
    await fleet.clock.advance(1_000);
    expect(await fleet.downloads()).toBe(2);
    fleet.calls = {};
    await fleet.clock.advance(2_000);
    expect(await fleet.downloads()).toBe(2);
    await fleet.clock.advance(2_000);
    expect(await fleet.downloads()).toBe(5);
    await call.end();
  });

  it('are no more than its share where one call follows another', async () => {
    const fleet = new Fleet();
    fleet.calls = { there: 1 };
    let call = await fleet.call({ downloads: 5 });
    await fleet.clock.advance(4_000);
    await call.end();
    call = await fleet.call({ downloads: 5 });
    expect(await fleet.downloads()).toBe(3);
    await call.end();
  });

  it('are none again where its calls have ended, others are there, and a call comes back', async () => {
    const fleet = new Fleet();
    let call = await fleet.call({ downloads: 5 });
    await call.end();
    await fleet.clock.advance(1_000);
    fleet.calls = { there: 1 };
    call = await fleet.call({ downloads: 5 });
    expect(await fleet.downloads()).toBe(0);
    await call.end();
  });

  it('are all there are at once where nothing else of the run is there', async () => {
    const fleet = new Fleet();
    const call = await fleet.call({ downloads: 5 });
    expect(await fleet.downloads()).toBe(5);
    await call.end();
  });

  it('go on where Temporal has never answered', async () => {
    const fleet = new Fleet();
    fleet.isAway = true;
    const call = await fleet.call({ downloads: 5 });
    expect(await fleet.downloads()).toBe(5);
    await call.end();
  });
});

describe('a run without limits', () => {
  it('asks nothing', async () => {
    const fleet = new Fleet();
    const call = await fleet.call({});
    await fleet.clock.advance(10_000);
    await call.end();
    expect(fleet.looks).toBe(0);
  });
});

describe('a run that has no calls any more', () => {
  it('is not looked for', async () => {
    const fleet = new Fleet();
    await (await fleet.call({ requestsPerSecond: 1 })).end();
    await fleet.clock.advance(10_000);
    expect(fleet.looks).toBe(1);
  });
});
