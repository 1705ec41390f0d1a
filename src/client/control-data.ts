import type { WorkflowExecutionDescription } from '@temporalio/client';
import { z } from 'zod';
import type { Location } from '../contracts/location.ts';
import { MEMO } from '../contracts/names.ts';

const reference = z.object({ control: z.object({ store: z.string(), bucket: z.string(), prefix: z.string() }) });

/** Where a run keeps its control data, as its memo says: no worker is asked. Undefined where the run has written nothing yet, or is none of ours. */
export function controlDataOf({ memo }: Pick<WorkflowExecutionDescription, 'memo'>): Location | undefined {
  return reference.safeParse(memo?.[MEMO.run]).data?.control;
}
