/** What one run of the soak meets: drawn from a seed, and from nothing else. */
import { createRandom, type Random } from '../../src/core/random.ts';
import type { Fault, FaultRule } from './fault-schedule.ts';

/** Something that happens to a process, a server or the run, once a share of the chunks (or of the parts of the one chunk) is written. */
export interface SoakEvent {
  /** From 0 to 1. */
  readonly at: number;
  readonly what:
    | { readonly kind: 'kill worker' | 'stop worker' | 'abort upload' }
    | { readonly kind: 'freeze worker' | 'kill store' | 'kill temporal' | 'freeze temporal' | 'refuse store'; readonly forMs: number }
    | { readonly kind: 'pause'; readonly forMs: number; readonly killed: boolean }
    | { readonly kind: 'limits'; readonly share: number };
}

export interface Storm { readonly name: string; readonly percent: number; readonly rule: FaultRule }

export interface SoakPlan {
  readonly seed: number;
  /** One chunk of many parts, or many chunks of one part. */
  readonly load: 'big' | 'many';
  readonly sources: number;
  readonly workers: number;
  readonly events: readonly SoakEvent[];
  readonly storms: readonly Storm[];
  readonly stormMs: number;
  /** How many sources may not be read, are deleted, or are changed after they were planned. */
  readonly denied: number;
  readonly deleted: number;
  readonly changed: number;
  readonly cancelledAt: number | null;
}

const seconds = (random: Random, from: number, to: number): number => (from + random.below(to - from + 1)) * 1000;

const EVENTS: readonly [(random: Random) => SoakEvent['what'], ...((random: Random) => SoakEvent['what'])[]] = [
  () => ({ kind: 'kill worker' }),
  () => ({ kind: 'kill worker' }),
  () => ({ kind: 'stop worker' }),
  (random) => ({ kind: 'freeze worker', forMs: seconds(random, 2, 12) }),
  (random) => ({ kind: 'kill store', forMs: seconds(random, 0, 6) }),
  (random) => ({ kind: 'kill temporal', forMs: seconds(random, 0, 9) }),
  (random) => ({ kind: 'freeze temporal', forMs: seconds(random, 1, 9) }),
  (random) => ({ kind: 'refuse store', forMs: seconds(random, 1, 6) }),
  (random) => ({ kind: 'pause', forMs: seconds(random, 0, 4), killed: random.chance(0.5) }),
  (random) => ({ kind: 'limits', share: 0.5 + random.below(100) / 100 }),
  () => ({ kind: 'abort upload' }),
];

const STORMS: readonly (readonly [name: string, mostPercent: number, fault: Fault | ((random: Random) => Fault)])[] = [
  ['503 SlowDown', 8, { kind: 'answer', status: 503, code: 'SlowDown' }],
  ['500 before the body was read', 8, { kind: 'answer', status: 500, code: 'InternalError', early: true }],
  ['answer swallowed', 10, { kind: 'swallow answer' }],
  ['request reset', 8, (random) => ({ kind: 'reset request', afterBytes: random.below(6_000_000) })],
  ['answer reset', 8, (random) => ({ kind: 'reset answer', afterBytes: random.below(6_000_000) })],
  ['black hole', 3, (random) => ({ kind: 'black hole', holdMs: seconds(random, 1, 4) })],
  ['slow', 10, (random) => ({ kind: 'slow', bytesPerSecond: 100_000 + random.below(4_000_000) })],
  ['delay', 20, (random) => ({ kind: 'delay', delayMs: random.below(2000) })],
  ['wrong Content-Range', 10, { kind: 'wrong range' }],
];

/** Equal seeds give equal plans. */
export function drawSoakPlan(seed: number): SoakPlan {
  const random = createRandom(seed);
  const load = random.chance(0.5) ? 'big' : 'many';
  const events = Array.from({ length: 1 + random.below(4) }, (): SoakEvent => ({ at: 0.05 + random.below(85) / 100, what: random.pick(EVENTS)(random) }));
  const storms = STORMS.filter(() => random.chance(0.3)).map(([name, mostPercent, fault]): Storm => {
    const percent = 1 + random.below(mostPercent);
    // Not a store-wide outage in disguise: each request gets through in the end. The whole range of kinds is met by sources and chunks alike.
    return { name, percent, rule: { chance: percent / 100, timesEach: 5, fault, ...(name === 'wrong Content-Range' ? { when: ({ range }) => range !== null } : {}) } };
  });
  return {
    seed, load,
    sources: load === 'big' ? 6 + random.below(12) : 60 + random.below(140),
    workers: 1 + random.below(2),
    events: events.filter(({ what }) => what.kind !== 'abort upload' || load === 'big').sort((a, b) => a.at - b.at),
    storms, stormMs: seconds(random, 4, 14),
    denied: random.below(3), deleted: random.below(2), changed: random.below(2),
    cancelledAt: random.chance(0.08) ? random.below(90) / 100 : null,
  };
}

/** One line, as it can be read in a table. */
export function describeSoakPlan(plan: SoakPlan): string {
  const events = plan.events.map(({ at, what }) => {
    const duration = 'forMs' in what ? ` ${what.forMs / 1000} s` : '';
    return `${what.kind}${what.kind === 'pause' && what.killed ? ' + kill' : ''}${duration} at ${Math.round(at * 100)} %`;
  });
  const storms = plan.storms.map(({ name, percent }) => `${name} ${percent} %`);
  const sources = (['denied', 'deleted', 'changed'] as const).filter((what) => plan[what] > 0).map((what) => `${plan[what]} ${what}`);
  return [
    `${plan.load === 'big' ? 'one chunk' : 'many chunks'} of ${plan.sources} sources, ${plan.workers} worker${plan.workers > 1 ? 's' : ''}`,
    ...events, ...(storms.length > 0 ? [`${plan.stormMs / 1000} s of ${storms.join(', ')}`] : []), ...sources,
    ...(plan.cancelledAt === null ? [] : [`cancelled at ${Math.round(plan.cancelledAt * 100)} %`]),
  ].join('; ');
}
