/** The report of a run, as text. Pure. */
import type { Report } from '../../contracts/report.ts';
import type { Style } from '../output.ts';
import { bytes, count, duration, grouped, several } from './numbers.ts';
import { columns } from './table.ts';

const TITLES: Readonly<Record<Report['status'], (style: Style) => string>> = {
  completed: (style) => style.green('completed'),
  completed_with_failures: (style) => style.yellow('completed with failures'),
  failed: (style) => style.red('failed'),
  cancelled: (style) => style.yellow('cancelled'),
};

export function renderReport(report: Report, style: Style): string {
  const { planned, done, partial, failed, skipped, chunks, time } = report;
  const reasons = Object.entries(skipped.reasons).map(([reason, n]) => `${reason} ${count(n)}`).join(', ');
  const amounts = columns([
    ['', 'objects', 'bytes'],
    ['planned', count(planned.objects), bytes(planned.bytes), `in ${several(planned.groups, 'group')}`],
    ['done', count(done.objects), bytes(done.bytes)],
    ['partial', count(partial.objects), bytes(partial.bytes)],
    ['failed', count(failed.objects), bytes(failed.bytes)],
    ['skipped', count(skipped.objects), bytes(skipped.bytes), reasons],
  ], [1, 2]);
  const facts: string[][] = [
    ['lines', `${count(report.lines)}, ${grouped(report.averageLinesPerObject)} a source on average`],
    ['chunks', `${count(chunks.count)}, ${bytes(chunks.bytes)}`],
    ['requests', requests(report)],
    ['time', timeText(report)],
    ['verified', verifyText(report, style)],
    ['target', report.target],
    ['control', report.control],
  ];
  return [
    `${TITLES[report.status](style)}  merge ${report.source} → ${report.target}`,
    style.dim(`run ${report.run.id}${report.run.label === null ? '' : ` (${report.run.label})`}, ${time.ended.slice(0, 19)}Z`),
    '',
    ...amounts,
    '',
    ...columns(facts),
    ...errorLines(report, style),
    ...(report.notes ?? []).map((note) => style.yellow(`note: ${note}`)),
  ].join('\n');
}

function requests({ requests: made, retries }: Report): string {
  const parts = Object.entries(made).filter(([, n]) => n > 0).map(([name, n]) => `${name.toUpperCase()} ${count(n)}`);
  return `${parts.join(', ') || 'none'}${retries > 0 ? `; ${several(retries, 'retry')}` : ''}`;
}

function timeText({ time, done, partial }: Report): string {
  const read = done.bytes + partial.bytes;
  const rate = time.seconds > 0 && read > 0 ? `, ${bytes(read / time.seconds)}/s` : '';
  return `${duration(time.seconds * 1000)}${rate}`;
}

function verifyText({ verify, status }: Report, style: Style): string {
  if (verify.mode === 'none') return 'no';
  if (status === 'failed' || status === 'cancelled') return 'not done';
  return verify.differences === 0 ? `by ${verify.mode}, no differences` : style.red(`by ${verify.mode}, ${several(verify.differences, 'difference')}`);
}

function errorLines({ errors, run }: Report, style: Style): string[] {
  if (errors.length === 0) return [];
  const rows = errors.map(({ code, count: n, example }) => [`  ${code}`, several(n, 'source'), exampleText(example)]);
  return ['', style.yellow('errors'), ...columns(rows), style.dim(`  all of them: tributary failures ${run.id}`)];
}

function exampleText(example: Readonly<Record<string, unknown>>): string {
  const text = (name: string): string => (typeof example[name] === 'string' ? example[name] : '');
  const uri = text('uri') || text('key');
  // Most reasons name their source.
  return (text('reason').includes(uri) ? [text('reason')] : [uri, text('reason')]).filter((part) => part !== '').join(': ');
}
