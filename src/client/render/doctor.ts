/** What `doctor` found. Pure. */
import type { Finding } from '../doctor/finding.ts';
import type { Style } from '../output.ts';
import { several } from './numbers.ts';
import { columns } from './table.ts';

export function renderDoctor(findings: readonly Finding[], style: Style): string {
  const marks = { good: style.green('ok'), note: style.yellow('note'), bad: style.red('wrong') };
  const lines = columns(findings.map(({ check, status, what }) => [marks[status], check, what]));
  const wrong = findings.filter(({ status }) => status === 'bad').length;
  return [
    ...findings.flatMap(({ fix }, i) => [lines[i] ?? '', ...(fix === undefined ? [] : [style.dim(`       ${fix}`)])]),
    '',
    wrong === 0 ? style.green('a run can start') : style.red(`${several(wrong, 'thing')} to mend first`),
  ].join('\n');
}
