/** The one place where activities are wired: names on the left are public API. */
import type { ControlActivities, DataActivities } from '../contracts/activities.ts';
import { createCheckAccess } from './check-access.ts';
import type { ActivityDeps } from './deps.ts';
import { createFindLeaseHolder } from './find-lease-holder.ts';
import { createMergeChunks } from './merge-chunks.ts';
import { createPlanPage } from './plan-page.ts';
import { createWritePlanReport, createWriteReport } from './report.ts';
import { createResolveSpec } from './resolve-spec.ts';
import { RunArtefacts } from './run-artefacts.ts';
import { createDescribeBatches, createOpenPlan, createSealPlan } from './seal-plan.ts';
import { createVerifyAll, createVerifyPage } from './verify.ts';

/** The activities of each queue. */
export function createActivities(deps: ActivityDeps): { readonly control: ControlActivities; readonly data: DataActivities } {
  const artefacts = new RunArtefacts(deps.stores);
  return {
    control: {
      resolveSpec: createResolveSpec(deps, artefacts),
      findLeaseHolder: createFindLeaseHolder(deps),
      checkAccess: createCheckAccess(deps),
      planPage: createPlanPage(deps, artefacts),
      sealPlan: createSealPlan(artefacts),
      openPlan: createOpenPlan(artefacts),
      describeBatches: createDescribeBatches(artefacts),
      verifyPage: createVerifyPage(artefacts),
      verifyAll: createVerifyAll(deps, artefacts),
      writeReport: createWriteReport(deps, artefacts),
      writePlanReport: createWritePlanReport(artefacts),
    },
    data: { mergeChunks: createMergeChunks(deps, artefacts) },
  };
}
