/** A frozen plan, as text. Pure. */
import type { PlanReport } from '../../contracts/report.ts';
import type { Style } from '../output.ts';
import { bytes, count, several } from './numbers.ts';
import { columns } from './table.ts';

export function renderPlan(plan: PlanReport, style: Style): string {
  const { planned, skipped, cost } = plan;
  const reasons = Object.entries(skipped.reasons).map(([reason, n]) => `${reason} ${count(n)}`).join(', ');
  const requests = Object.entries(plan.requests).filter(([, n]) => n > 0).map(([name, n]) => `${name.toUpperCase()} ${count(n)}`);
  return [
    `${style.green('planned')}  merge ${plan.source} → ${plan.target}`,
    style.dim(`run ${plan.run.id}${plan.run.label === null ? '' : ` (${plan.run.label})`}, plan ${plan.run.planHash.slice(0, 16)}`),
    '',
    ...columns([
      ['objects', `${count(planned.objects)}, ${bytes(planned.bytes)}`],
      ['skipped', skipped.objects === 0 ? 'none' : `${count(skipped.objects)}, ${bytes(skipped.bytes)}: ${reasons}`],
      ['groups', `${count(planned.groups)} in ${several(planned.batches, 'batch')}`],
      ['requests', `about ${requests.join(', ') || 'none'}`],
      ['cost', cost.usd < 0.01 ? 'under $0.01' : `about $${cost.usd.toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`],
      ['control', plan.control],
    ]),
    style.dim(cost.basis),
    '',
    `Nothing was merged yet. Run exactly this plan with ${style.bold(`tributary apply ${plan.run.id}`)}`,
  ].join('\n');
}
