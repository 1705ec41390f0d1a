/** The progress of a run: a block that is redrawn on a terminal, or a line each so often. Pure. */
import type { Tally } from '../../contracts/tally.ts';
import type { LiveProgress } from '../live-progress.ts';
import type { Style } from '../output.ts';
import { bytes, count, duration, percent, several } from './numbers.ts';
import type { Rates } from './rates.ts';
import { columns } from './table.ts';

export interface ProgressView {
  readonly progress: LiveProgress;
  /** Null while nothing is known yet, and in a single look. */
  readonly rates: Rates | null;
  readonly nowMs: number;
}

/** Sources that need no more work, and bytes that were read: at most what was planned, since decoded bytes may be more. */
export function finished({ tally, underwayBytes, planned }: LiveProgress): { objects: number; bytes: number } {
  return {
    objects: tally.doneObjects + tally.partialObjects + tally.failedObjects,
    bytes: Math.min(planned.sourceBytes, tally.doneBytes + tally.partialBytes + tally.failedBytes + underwayBytes),
  };
}

export function renderProgress(view: ProgressView, style: Style): string[] {
  const { progress, nowMs, rates } = view;
  const { tally, planned, batches, limits } = progress;
  const { waiting } = progress;
  const title = [style.bold(progress.source === '' ? 'merge' : `merge ${progress.source} → ${progress.target}`), style.dim(progress.run.id)].join('  ');
  const phase = `${phaseText(progress, style)}, ${duration(Math.max(0, nowMs - progress.startedMs))} so far`;
  const ratesLimited = [
    limits.bytesPerSecond === null ? '' : `${bytes(limits.bytesPerSecond)}/s`, limits.requestsPerSecond === null ? '' : `${count(limits.requestsPerSecond)} requests/s`,
  ].filter((text) => text !== '');
  const rows: string[][] = [['Phase:', phase]];
  if (hasPlan(progress)) {
    const done = finished(progress);
    rows.push(
      ['Sources:', `${count(done.objects)} / ${count(planned.sources)}, ${percent(done.objects, planned.sources)}${troubles(tally, style)}`],
      ['Bytes:', `${bytes(done.bytes)} / ${bytes(planned.sourceBytes)}, ${percent(done.bytes, planned.sourceBytes)}${speed(view)}`],
      ['Lines:', `${count(tally.lines)}${rates ? `, ${count(rates.linesPerSecond)}/s` : ''}`],
      ['Chunks:', `${count(tally.chunks)}, ${bytes(tally.chunkBytes)}`],
      ['Batches:', `${count(batches.done)} / ${count(batches.total)}${batches.running > 0 ? `, ${count(batches.running)} running` : ''}`],
    );
  } else if (planned.objects > 0) {
    rows.push(['Listed:', `${several(planned.objects, 'object')}, ${bytes(planned.bytes)} so far`]);
  }
  if (ratesLimited.length > 0) rows.push(['Limits:', ratesLimited.join(', ')]);
  if (waiting !== null) rows.push(['Waiting:', style.yellow(waiting)]);
  return [title, ...columns(rows)];
}

/** The same in one line, for logs. */
export function renderProgressLine(view: ProgressView): string {
  const { progress, nowMs } = view;
  const { tally, planned } = progress;
  const done = finished(progress);
  const parts = [`${duration(Math.max(0, nowMs - progress.startedMs))} ${progress.phase}${progress.state === 'running' || progress.state === 'ended' ? '' : ` ${progress.state}`}`];
  if (hasPlan(progress)) {
    parts.push(
      `${count(done.objects)}/${count(planned.sources)} sources ${percent(done.objects, planned.sources)}${troubles(tally)}`,
      `${bytes(done.bytes)}/${bytes(planned.sourceBytes)}${speed(view)}`,
      several(tally.lines, 'line'),
      several(tally.chunks, 'chunk'),
    );
  } else if (planned.objects > 0) {
    parts.push(`${several(planned.objects, 'object')} listed`);
  }
  if (progress.waiting !== null) parts.push(`waiting: ${progress.waiting}`);
  return parts.join(', ');
}

/** Before WRITE the counts of the plan still grow: shares of them would mislead. */
const hasPlan = ({ phase }: LiveProgress): boolean => phase !== 'START' && phase !== 'PLAN';

function phaseText({ phase, state }: LiveProgress, style: Style): string {
  if (state === 'running' || state === 'ended') return phase;
  return `${phase}, ${style.yellow(state)}`;
}

function troubles({ failedObjects, partialObjects }: Tally, style?: Style): string {
  const mark = (text: string): string => style?.yellow(text) ?? text;
  return `${failedObjects > 0 ? mark(`, ${count(failedObjects)} failed`) : ''}${partialObjects > 0 ? mark(`, ${count(partialObjects)} partial`) : ''}`;
}

function speed({ progress, rates }: ProgressView): string {
  if (rates === null || progress.state !== 'running') return '';
  const left = progress.planned.sourceBytes - finished(progress).bytes;
  const time = rates.bytesPerSecond > 0 && left > 0 ? `, ${duration(left / rates.bytesPerSecond * 1000)} left` : '';
  return `, ${bytes(rates.bytesPerSecond)}/s${time}`;
}
