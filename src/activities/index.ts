/** The one place where activities are wired: names on the left are public API. */
import type { ControlActivities, DataActivities } from '../contracts/activities.ts';
import { systemClock } from '../stores/clock.ts';
import { createCheckAccess } from './check-access.ts';
import type { ActivityDeps } from './deps.ts';
import { createEndOrphans } from './end-orphans.ts';
import { createFindLeaseHolder } from './find-lease-holder.ts';
import { createMergeChunks } from './merge-chunks.ts';
import { createPlanPage } from './plan-page.ts';
import { createWritePlanReport, createWriteReport } from './report.ts';
import { createResolveSpec } from './resolve-spec.ts';
import { RunArtefacts } from './run-artefacts.ts';
import { RunShares } from './run-shares.ts';
import { callsOfRun } from './running-calls.ts';
import { createDescribeBatches, createOpenPlan } from './seal-plan.ts';
import { createVerifyAll, createVerifyPage } from './verify.ts';

/** The activities of each queue. */
export function createActivities(deps: ActivityDeps): { readonly control: ControlActivities; readonly data: DataActivities } {
  const { stores, temporal, identity, log } = deps;
  const shares = new RunShares({ identity, log, clock: systemClock, look: (runId) => callsOfRun(temporal, runId) });
  const artefacts = new RunArtefacts(stores, shares);
  return {
    control: {
      resolveSpec: createResolveSpec(deps, artefacts),
      findLeaseHolder: createFindLeaseHolder(deps),
      endOrphans: createEndOrphans(deps),
      checkAccess: createCheckAccess(deps, shares),
      planPage: createPlanPage(artefacts, shares),
      openPlan: createOpenPlan(artefacts),
      describeBatches: createDescribeBatches(artefacts),
      verifyPage: createVerifyPage(artefacts, shares),
      verifyAll: createVerifyAll(deps, artefacts),
      writeReport: createWriteReport(deps, artefacts),
      writePlanReport: createWritePlanReport(artefacts),
    },
    data: { mergeChunks: createMergeChunks(deps, artefacts, shares) },
  };
}
