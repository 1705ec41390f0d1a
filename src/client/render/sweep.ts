/** What a sweep found, and what it removed. Pure. */
import type { SweepReport } from '../../contracts/report.ts';
import type { Style } from '../output.ts';
import { bytes, instant, several } from './numbers.ts';
import { columns } from './table.ts';

export function renderSweep(report: SweepReport, style: Style): string {
  const { uploads, control, kept, removed } = report;
  const verb = removed ? 'removed' : 'remove';
  const lines = columns([
    ...uploads.map(({ uri, started, why }) => [style.yellow(verb), 'upload', uri, `begun ${instant(started)}; ${why}`]),
    ...control.map(({ uri, objects, bytes: size, written, why }) => [style.yellow(verb), 'control', uri, `${several(objects, 'object')}, ${bytes(size)}, written ${instant(written)}; ${why}`]),
    ...kept.map(({ uri, why }) => [style.green('keep'), uri.endsWith('/') ? 'control' : 'upload', uri, why]),
  ]);
  const verdict = uploads.length + control.length === 0 ? 'nothing to remove' : removed ? `removed ${amount(report)}` : `${amount(report)} to remove`;
  return [...lines, style.bold(verdict)].join('\n');
}

export function sweepQuestion(report: SweepReport): string {
  return `Remove ${amount(report)} for good?`;
}

function amount({ uploads, control }: SweepReport): string {
  const objects = control.reduce((sum, { objects: count }) => sum + count, 0);
  const size = control.reduce((sum, { bytes: count }) => sum + count, 0);
  return `${several(uploads.length, 'upload')}, and control data of ${several(control.length, 'run')} (${several(objects, 'object')}, ${bytes(size)})`;
}
