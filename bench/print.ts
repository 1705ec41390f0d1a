/** The results as text. Pure. */
import type { ContenderName } from './contender.ts';
import type { ControlPlane } from './control-plane.ts';
import { totalsOf, type DataSet } from './data-sets.ts';
import { figuresOf, ratios, type Margin, type SetResult } from './results.ts';
import type { Spread } from './statistics.ts';

const digits = (value: number): string => (value >= 1000 ? Math.round(value).toLocaleString('en-US') : value.toPrecision(3).replace(/\.0+$/, ''));
const spread = ({ min, median, max }: Spread): string => `${median.toFixed(2)} (${min.toFixed(2)}–${max.toFixed(2)})`;

const COLUMNS = ['', 'seconds', 'MB/s', 'objects/s', 'CPU s/GB', 'CPU s/1,000', 'peak MiB', 'requests'] as const;

export function describeSet({ server, set, measured, controlPlane }: SetResult): string {
  const { objects, bytes, chunks } = totalsOf(set);
  const rows = [...measured].map(([name, rounds]) => {
    const { seconds, writeSeconds, megabytesPerSecond, objectsPerSecond, cpuSecondsPerGigabyte, cpuSecondsPerThousandObjects, peakMebibytes, requests } = figuresOf(set, rounds);
    const whole = seconds.median === writeSeconds.median ? '' : `, run ${seconds.median.toFixed(2)}`;
    return [
      name, `${spread(writeSeconds)}${whole}`, digits(megabytesPerSecond), digits(objectsPerSecond), digits(cpuSecondsPerGigabyte), digits(cpuSecondsPerThousandObjects),
      digits(peakMebibytes), requests === null ? '-' : requests.toLocaleString('en-US'),
    ];
  });
  const lines = [
    `${server} · ${set.name}: ${set.title} · ${(bytes / 1e6).toLocaleString('en-US', { maximumFractionDigits: 0 })} MB in, as much out, ${objects.toLocaleString('en-US')} objects → ${chunks.toLocaleString('en-US')} chunks`,
    ...alignColumns([[...COLUMNS], ...rows]),
  ];
  for (const [of, to] of PAIRS) {
    const [one, other] = [measured.get(of), measured.get(to)];
    if (!one || !other) continue;
    const { rate, wholeRate, cpu } = ratios(one, other);
    const whole = of === 'tributary' || to === 'tributary' ? `, whole run ${spread(wholeRate)}` : '';
    lines.push(`  ${of} to ${to}: rate ${spread(rate)}${whole}, CPU ${spread(cpu)}`);
  }
  if (controlPlane) lines.push(`  ${describeControlPlane(set, controlPlane)}`);
  return lines.join('\n');
}

/** History grows with batches; a batch holds many groups where they are small. */
const MANY_GROUPS = 1000;

function describeControlPlane(set: DataSet, { workflows, calls, events, historyBytes, longestEvents }: ControlPlane): string {
  const kilobytes = (bytes: number): string => `${digits(bytes / 1000)} KB`;
  const groups = set.directories >= MANY_GROUPS ? `, ${kilobytes(historyBytes / set.directories * 10_000)} per 10,000 groups` : '';
  return `a run of tributary: ${workflows} workflows, ${calls} calls (${digits(calls / (totalsOf(set).bytes / 1e9))} per GB), ${events.toLocaleString('en-US')} events, the longest history ${longestEvents}; `
    + `${kilobytes(historyBytes)} of history (${kilobytes(historyBytes / calls)} a call${groups})`;
}

const PAIRS: readonly (readonly [ContenderName, ContenderName])[] = [
  ['tributary', 'bare'], ['tributary', 'undici'], ['tributary', 'sdk'], ['tributary', 'rclone'], ['bare', 'undici'],
];

function alignColumns(rows: readonly (readonly string[])[]): string[] {
  const widths = COLUMNS.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) => `  ${row.map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join('  ')}`.trimEnd());
}

export function describeMargins(margins: readonly Margin[]): string {
  if (margins.length === 0) return 'No margin applies to what was measured.';
  return ['Margins', ...margins.map(({ what, value, bound, isMet }) => `  ${isMet ? 'met   ' : 'MISSED'}  ${what}: ${digits(value)}, bound ${digits(bound)}`)].join('\n');
}

export const METHOD = `Medians of rounds, with the lowest and the highest; contenders take turns in each round, after one round that is not counted, in which what
they wrote is compared with what they had to. Times are those of moving the bytes; of a tributary run, of its phase WRITE, by Temporal's history, and
after it the time of the whole run from its start by a client. MB are 10^6 bytes of lines. CPU is that of the client's processes (of tributary: of
the worker, over the whole run, workflow code included; not of Temporal's server), children included. The peak is resident memory.
bare and undici get the sources' names, ETags and the CRC32 of each part beforehand, and look at no byte.

Not measured: networks that have latency or lose packets; TLS; stores that throttle; disks; more than one worker; Temporal servers that are far
away or have a database on disk; clients on other machines than the server: here both share the cores, so a server that costs much hides what a client costs.`;
