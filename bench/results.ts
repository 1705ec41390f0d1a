/** From what was measured to figures, ratios and margins. Pure. */
import type { ContenderName, Measured } from './contender.ts';
import type { ControlPlane } from './control-plane.ts';
import { totalsOf, type DataSet } from './data-sets.ts';
import { ratioOf, spreadOf, type Spread } from './statistics.ts';

export interface SetResult {
  readonly server: string;
  readonly set: DataSet;
  /** One value a round, by contender; all have met the same rounds. */
  readonly measured: ReadonlyMap<ContenderName, readonly Measured[]>;
  /** What a run of tributary cost Temporal, where it took part. */
  readonly controlPlane: ControlPlane | null;
}

export interface Figures {
  readonly seconds: Spread;
  readonly writeSeconds: Spread;
  /** Of lines; what comes in goes out. */
  readonly megabytesPerSecond: number;
  readonly objectsPerSecond: number;
  readonly cpuSecondsPerGigabyte: number;
  readonly cpuSecondsPerThousandObjects: number;
  readonly cpuSeconds: Spread;
  readonly peakMebibytes: number;
  readonly requests: number | null;
}

export function figuresOf(set: DataSet, measured: readonly Measured[]): Figures {
  const { bytes, objects } = totalsOf(set);
  const writeSeconds = spreadOf(measured.map((one) => one.writeSeconds));
  const cpuSeconds = spreadOf(measured.map((one) => one.cpuSeconds));
  return {
    seconds: spreadOf(measured.map((one) => one.seconds)), writeSeconds, cpuSeconds,
    megabytesPerSecond: bytes / 1e6 / writeSeconds.median, objectsPerSecond: objects / writeSeconds.median,
    cpuSecondsPerGigabyte: cpuSeconds.median / (bytes / 1e9), cpuSecondsPerThousandObjects: cpuSeconds.median / (objects / 1000),
    peakMebibytes: Math.max(...measured.map(({ peakBytes }) => peakBytes)) / 2 ** 20, requests: measured.at(-1)?.requests ?? null,
  };
}

export interface Ratios {
  /** Of rates: above 1 is faster. Of the phase that moves bytes, and of the whole run. */
  readonly rate: Spread;
  readonly wholeRate: Spread;
  /** Of CPU: below 1 is cheaper. */
  readonly cpu: Spread;
}

export function ratios(of: readonly Measured[], to: readonly Measured[]): Ratios {
  return {
    rate: ratioOf(to.map((one) => one.writeSeconds), of.map((one) => one.writeSeconds)),
    wholeRate: ratioOf(to.map((one) => one.seconds), of.map((one) => one.seconds)),
    cpu: ratioOf(of.map((one) => one.cpuSeconds), to.map((one) => one.cpuSeconds)),
  };
}

export interface Margin { readonly what: string; readonly value: number; readonly bound: number; readonly isMet: boolean }

/** Temporal warns of histories of 10,240 events, and ends those of 51,200. */
const HISTORY_EVENTS = 10_000;
const MEMORY_BOUND_MIB = 256 + 200;
/** Doubling the work may cost this much more than twice the time. */
const DOUBLING = 2 * 1.1;

/** Every margin that what was measured can say something about. */
export function marginsOf(results: readonly SetResult[]): Margin[] {
  return results.flatMap((result) => [...toOthers(result), ...ofMemory(result), ...ofHistories(result), ...ofDoubling(result, results)]);
}

const atLeast = (what: string, value: number, bound: number): Margin => ({ what, value, bound, isMet: value >= bound });
const atMost = (what: string, value: number, bound: number): Margin => ({ what, value, bound, isMet: value <= bound });

function toOthers({ server, set, measured }: SetResult): Margin[] {
  const at = `${server}, ${set.name}:`;
  const margins: Margin[] = [];
  const compare = (of: ContenderName, to: ContenderName, judge: (compared: Ratios) => Margin[]): void => {
    const [one, other] = [measured.get(of), measured.get(to)];
    if (one && other) margins.push(...judge(ratios(one, other)));
  };
  const isLean = server === 'lean';
  const base = set.name.split('/')[0] ?? '';
  const isBig = base === 'large' || base === 'huge';
  const isSmall = base === 'small' || base === 'tiny';
  if (isBig) compare('tributary', 'bare', ({ rate }) => [atLeast(`${at} rate of tributary to bare`, rate.median, isLean ? 0.75 : 0.9)]);
  if (isBig && isLean) compare('tributary', 'bare', ({ cpu }) => [atMost(`${at} CPU of tributary to bare`, cpu.median, 1.35)]);
  if (isBig && isLean) compare('tributary', 'undici', ({ cpu }) => [atMost(`${at} CPU of tributary to undici`, cpu.median, 0.5)]);
  if (base === 'small') compare('tributary', 'bare', ({ rate }) => [atLeast(`${at} rate of tributary to bare`, rate.median, isLean ? 0.6 : 0.85)]);
  if (isSmall) compare('tributary', 'sdk', ({ cpu }) => [atMost(`${at} CPU of tributary to the SDK adapter`, cpu.median, 1 / 8)]);
  if (base === 'small' && isLean) compare('bare', 'undici', ({ rate }) => [atLeast(`${at} rate of bare to undici`, rate.median, 2)]);
  if (!isLean) {
    compare('tributary', 'rclone', ({ wholeRate, cpu }) => [
      atLeast(`${at} rate of tributary to rclone, whole run`, wholeRate.median, 2), ...(isBig ? [atMost(`${at} CPU of tributary to rclone`, cpu.median, 1 / 5)] : []),
    ]);
  }
  return margins;
}

function ofMemory({ server, set, measured }: SetResult): Margin[] {
  const tributary = measured.get('tributary');
  return tributary ? [atMost(`${server}, ${set.name}: peak memory in MiB`, figuresOf(set, tributary).peakMebibytes, MEMORY_BOUND_MIB)] : [];
}

function ofHistories({ server, set, controlPlane }: SetResult): Margin[] {
  return controlPlane ? [atMost(`${server}, ${set.name}: events of the longest history`, controlPlane.longestEvents, HISTORY_EVENTS)] : [];
}

function ofDoubling(result: SetResult, all: readonly SetResult[]): Margin[] {
  const half = all.find(({ server, set }) => server === result.server && set.name === `${result.set.name}/2`)?.measured.get('tributary');
  const whole = result.measured.get('tributary');
  if (!half || !whole) return [];
  return [atMost(`${result.server}, ${result.set.name}: time of the whole to time of its half`, ratioOf(whole.map(({ seconds }) => seconds), half.map(({ seconds }) => seconds)).median, DOUBLING)];
}
