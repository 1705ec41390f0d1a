import { describe, expect, it } from '@jest/globals';
import { FaultSchedule, type FaultRule } from '../../support/fault-schedule.ts';
import { readS3Head, type S3Head } from '../../support/s3-request.ts';

const part = (key: string, partNumber: number, uploadId = 'u'): S3Head => readS3Head('PUT', `/bucket/${key}?partNumber=${partNumber}&uploadId=${uploadId}`, null);
const SOMETIMES: FaultRule = { chance: 0.5, fault: (random) => ({ kind: 'reset request', afterBytes: random.below(1000) }) };

/** Faults of the first three tries of 20 parts, by part and try, asked in the order given. */
function faultsOf(seed: number, order: readonly number[], uploadId?: string): Record<string, unknown> {
  const schedule = new FaultSchedule(seed);
  schedule.add(SOMETIMES);
  const faults: Record<string, unknown> = {};
  for (let attempt = 1; attempt <= 3; attempt += 1) for (const number of order) faults[`${number}/${attempt}`] = schedule.next(part('k', number, uploadId));
  return faults;
}

describe('the schedule of faults', () => {
  const forth = Array.from({ length: 20 }, (_, at) => at + 1);

  it('follows from the seed, in whatever order requests come and whatever their upload is called', () => {
    const faults = faultsOf(1, forth);
    expect(faultsOf(1, forth.toReversed(), 'another')).toEqual(faults);
    expect(faultsOf(2, forth)).not.toEqual(faults);
    const met = Object.values(faults).filter((fault) => fault !== null).length;
    expect([met > 15, met < 45]).toEqual([true, true]);
  });

  it('takes the same chunk of another run for the same request', () => {
    const key = (stamp: string): S3Head => readS3Head('PUT', `/bucket/a/merged-${stamp}-00000001.log`, null);
    const [first, second] = [new FaultSchedule(3), new FaultSchedule(3)];
    for (const schedule of [first, second]) schedule.add(SOMETIMES);
    for (let attempt = 0; attempt < 10; attempt += 1) expect(second.next(key('20260102T030405Z-89abcdef'))).toEqual(first.next(key('20261231T235959Z-01234567')));
  });

  it('keeps to its bounds', () => {
    const schedule = new FaultSchedule(1);
    schedule.add({ fault: { kind: 'swallow answer' }, timesEach: 1, times: 3 });
    const asked = [part('a', 1), part('a', 1), part('a', 2), part('b', 1), part('b', 2)].map((request) => schedule.next(request) !== null);
    expect(asked).toEqual([true, false, true, true, false]);
  });

  it('asks rules in order, those in force only', () => {
    const schedule = new FaultSchedule(1);
    const remove = schedule.add({ when: ({ key }) => key === 'a', fault: { kind: 'swallow answer' } });
    schedule.add({ fault: { kind: 'wrong range' } });
    expect([schedule.next(part('a', 1))?.kind, schedule.next(part('b', 1))?.kind]).toEqual(['swallow answer', 'wrong range']);
    remove();
    expect(schedule.next(part('a', 1))?.kind).toBe('wrong range');
    schedule.clear();
    expect(schedule.next(part('a', 1))).toBeNull();
  });
});
