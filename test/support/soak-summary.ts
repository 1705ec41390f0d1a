import type { SoakVerdict } from './soak-run.ts';

/** Kinds of findings of `checkRun` and its sisters, by the promise that each breaks. */
const PROMISES: readonly (readonly [name: string, finding: RegExp])[] = [
  ['lost', /^(?:lost|missing):/],
  ['doubled', /^doubled:| was written \d+ times$/],
  ['reordered, misplaced or invented', /^(?:reordered|misplaced|invented|foreign|count|differs|empty):/],
  ['leftover uploads', /left open$/],
  ['parts sent again although acknowledged', /^part /],
];

/** The outcome of a soak as Markdown, as it can stand in the documentation. @param how the arguments that repeat it @param seconds that it took as a whole */
export function summarizeSoak(verdicts: readonly SoakVerdict[], how: string, seconds: number): string {
  const sum = (of: (verdict: SoakVerdict) => number): number => verdicts.reduce((total, verdict) => total + of(verdict), 0);
  const gibibytes = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(2)} GiB`;
  const events = new Map<string, number>();
  const storms = new Map<string, number>();
  for (const { plan } of verdicts) {
    for (const { what } of plan.events) events.set(what.kind, (events.get(what.kind) ?? 0) + 1);
    for (const { name } of plan.storms) storms.set(name, (storms.get(name) ?? 0) + 1);
  }
  const findings = verdicts.flatMap((verdict) => verdict.findings);
  const broken = PROMISES.map(([name, finding]) => [name, findings.filter((text) => finding.test(text)).length] as const);
  const other = findings.filter((text) => !PROMISES.some(([, finding]) => finding.test(text))).length;
  const statuses = Map.groupBy(verdicts, ({ status }) => status);
  const counted = (counts: ReadonlyMap<string, number>): string => [...counts].sort(([, a], [, b]) => b - a).map(([name, count]) => `${name} ${count}`).join(', ');
  const rows: readonly (readonly [string, string])[] = [
    ['runs', `${verdicts.length}: ${[...statuses].map(([status, of]) => `${of.length} ${status}`).join(', ')}`],
    ['passed', String(verdicts.filter((verdict) => verdict.findings.length === 0).length)],
    ['merged', `${gibibytes(sum((verdict) => verdict.mergedBytes))} in ${(seconds / 60).toFixed(0)} min`],
    ['events drawn', counted(events)],
    ['runs with requests that met', counted(storms)],
    ['requests that met a fault', String(sum(({ faults }) => faults))],
    ['bytes sent again, read again', `${gibibytes(sum((verdict) => verdict.resentBytes))}, ${gibibytes(sum((verdict) => verdict.rereadBytes))}`],
    ['sources denied, deleted, changed', `${sum(({ plan }) => plan.denied)}, ${sum(({ plan }) => plan.deleted)}, ${sum(({ plan }) => plan.changed)}`],
    ...broken.map(([name, count]) => [name, String(count)] as const),
    ['unexplained', String(other)],
  ];
  return [`\`npm run soak -- ${how}\``, '', '| | |', '|---|---|', ...rows.map(([name, value]) => `| ${name} | ${value} |`)].join('\n');
}
