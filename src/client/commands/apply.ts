import { TributaryError } from '../../contracts/errors.ts';
import type { PlanReport } from '../../contracts/report.ts';
import type { Context } from '../context.ts';
import { limitsInputOf, type LimitFlags } from '../merge-input.ts';
import { withRun } from '../open-run.ts';
import { runToGoOnWith, startAndFollow, type RunFlags } from './merge.ts';

interface ApplyFlags extends RunFlags, LimitFlags {
  readonly label?: string;
  readonly again?: boolean;
}

/** `tributary apply RUN`. @returns the exit code */
export async function apply(context: Context, id: string, flags: ApplyFlags): Promise<number> {
  const limits = limitsInputOf(flags);
  return withRun(context, id, { worker: 'all', handlesInterrupt: true, detach: flags.detach === true }, async ({ session, run, description }) => {
    if (description.status.name === 'RUNNING') throw new TributaryError('TRB-RUN-OPEN', `the run ${id} has not ended yet: a plan can be applied when it is frozen`);
    return startAndFollow(context, session, flags, async () => {
      const plan = await run.result();
      if (!isPlan(plan)) throw new TributaryError('TRB-INVALID-INPUT', `the run ${id} merged, and froze no plan; make one with \`tributary plan merge\``);
      const input = {
        ...(Object.keys(limits).length === 0 ? {} : { limits }),
        ...(flags.again === undefined ? {} : { again: flags.again }),
        ...(flags.label === undefined ? {} : { label: flags.label }),
      };
      return await runToGoOnWith(context, session, { ...input, apply: plan.run.id }, flags.id) ?? session.runs.apply(plan, input, flags.id);
    });
  });
}

const isPlan = (result: { readonly schema: string }): result is PlanReport => result.schema === 'tributary.plan/1';
