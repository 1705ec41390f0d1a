/** Lists: runs, failures, findings of a verification. Pure. */
import { FINDING_MARKS, type VerifyReport } from '../../contracts/report.ts';
import type { FailureLine, RunLine } from '../lines.ts';
import type { Style } from '../output.ts';
import { count, duration, instant, several } from './numbers.ts';
import { columns, table } from './table.ts';

const STATUS_STYLE: Readonly<Record<string, keyof Style>> = {
  completed: 'green', planned: 'green', completed_with_failures: 'yellow', cancelled: 'yellow', terminated: 'yellow', failed: 'red', running: 'cyan', paused: 'yellow', pausing: 'yellow', cancelling: 'yellow',
};

export function renderRuns(runs: readonly RunLine[], style: Style): string {
  if (runs.length === 0) return 'no runs yet';
  const status = (text: string): string => style[STATUS_STYLE[text] ?? 'dim'](text.replaceAll('_', ' '));
  const took = ({ started, ended }: RunLine): string => (ended === null ? '' : duration(Date.parse(ended) - Date.parse(started)));
  return table(['RUN', 'STATUS', 'STARTED', 'TOOK', 'SOURCE', 'TARGET', 'LABEL'],
    runs.map((run) => [run.id, status(run.status), instant(run.started), took(run), run.source, run.target, run.label ?? '']), style);
}

/** A run that ended without a report. */
export function renderUnreported({ id, label, status, source, target, started, ended }: RunLine, style: Style): string {
  const took = ended === null ? '' : `, ended after ${duration(Date.parse(ended) - Date.parse(started))}`;
  return [
    `${style[STATUS_STYLE[status] ?? 'dim'](status.replaceAll('_', ' '))}  merge ${source} → ${target}`,
    style.dim(`run ${id}${label === null ? '' : ` (${label})`}, started ${instant(started)}${took}`),
  ].join('\n');
}

export function renderFailures(failures: readonly FailureLine[], style: Style): string {
  return columns(failures.map(({ uri, code, reason, offset, outcome }) => [
    outcome === 'failed' ? style.red('failed') : style.yellow('partial'), uri, code,
    // Most reasons begin with their source, which stands in the row already.
    `${reason.startsWith(`${uri} `) ? reason.slice(uri.length + 1) : reason}${outcome === 'partial' ? ` (from byte ${count(offset)} on)` : ''}`,
  ])).join('\n');
}

export function renderVerify(report: VerifyReport, style: Style): string {
  const mark = (text: string): string => (text === FINDING_MARKS.same ? style.green(text) : text === FINDING_MARKS.error ? style.red(text) : style.yellow(text));
  const findings = columns(report.differences.map((finding) => [mark(finding.mark), finding.uri, finding.what]));
  const where = `in ${several(report.chunks, 'chunk')}${report.sources === undefined ? '' : ` and ${several(report.sources, 'source')}`}, by ${report.mode}`;
  const differences = report.differences.length + report.omitted;
  const verdict = differences === 0 ? style.green(`no differences ${where}`) : style.red(`${several(differences, 'difference')} ${where}`);
  return [...findings, ...(report.omitted === 0 ? [] : [`and ${count(report.omitted)} more, which are not listed`]), verdict].join('\n');
}
