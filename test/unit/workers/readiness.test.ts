import { describe, expect, it, jest } from '@jest/globals';
import { CHECK_EVERY_MS, CHECK_TIMEOUT_MS, createReadiness, reasonsOf, type Checks } from '../../../src/workers/readiness.ts';

const checks = (parts: Partial<Checks> = {}): Checks => ({ temporal: async () => undefined, stores: async () => ({ default: 'ok' }), ...parts });

describe('readiness', () => {
  it('finds everything there', async () => {
    const found = await createReadiness(checks())();
    expect(found).toEqual({ temporal: 'ok', stores: { default: 'ok' } });
    expect(reasonsOf(found)).toEqual([]);
  });

  it('names who is away, and why', async () => {
    const found = await createReadiness(checks({ temporal: async () => { throw new Error('refused'); }, stores: async () => ({ default: 'ok', cold: 'no such host' }) }))();
    expect(reasonsOf(found)).toEqual(['Temporal does not answer: refused', 'store cold does not answer: no such host']);
  });

  it('asks once in a few seconds, however many probe', async () => {
    let nowMs = 0;
    let asked = 0;
    const readiness = createReadiness(checks({ temporal: async () => { asked += 1; } }), () => nowMs);
    await Promise.all([readiness(), readiness(), readiness()]);
    nowMs += CHECK_EVERY_MS - 1;
    await readiness();
    expect(asked).toBe(1);
    nowMs += 1;
    await readiness();
    expect(asked).toBe(2);
  });

  it('does not wait for somebody who never answers', async () => {
    jest.useFakeTimers();
    try {
      const found = createReadiness(checks({ temporal: () => new Promise(() => undefined), stores: () => new Promise(() => undefined) }))();
      await jest.advanceTimersByTimeAsync(CHECK_TIMEOUT_MS + 500);
      expect(reasonsOf(await found)).toEqual([
        `Temporal does not answer: no answer within ${CHECK_TIMEOUT_MS} ms`, `store * does not answer: no answer within ${CHECK_TIMEOUT_MS + 500} ms`]);
    } finally {
      jest.useRealTimers();
    }
  });
});
