/** `verifyPage`: the VERIFY phase of a run; and `verifyAll`: the same of a finished run, for `tributary verify`. */
import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import type { ControlActivities, RunRef } from '../contracts/activities.ts';
import { TributaryError } from '../contracts/errors.ts';
import { MEMO } from '../contracts/names.ts';
import { verifyChunks, type Verified } from '../pipeline/verify-chunks.ts';
import type { StoreSession } from '../stores/registry.ts';
import { boundary } from './boundary.ts';
import type { ActivityDeps } from './deps.ts';
import type { RunArtefacts } from './run-artefacts.ts';

export function createVerifyPage(artefacts: RunArtefacts): ControlActivities['verifyPage'] {
  return ({ run, mode }) => {
    let looked = 0;
    return boundary(async (signal) => {
      const session = artefacts.controlSession(run);
      const { findings } = await verifyWith(artefacts, session, run, mode, signal, (chunks) => { looked = chunks; });
      return { differences: findings.length, requests: { ...session.requests } };
    }, { checkpoint: () => looked });
  };
}

export function createVerifyAll({ temporal }: ActivityDeps, artefacts: RunArtefacts): ControlActivities['verifyAll'] {
  return ({ run: id, mode }) => {
    let looked = 0;
    return boundary(async (signal) => {
      const run = await findRun(temporal, id);
      const { chunks, findings } = await verifyWith(artefacts, artefacts.controlSession(run), run, mode, signal, (count) => { looked = count; });
      return { schema: 'tributary.verify/1', run: id, mode, chunks, differences: [...findings] };
    }, { checkpoint: () => looked });
  };
}

async function verifyWith(artefacts: RunArtefacts, session: StoreSession, run: RunRef, mode: 'size' | 'content', signal: AbortSignal, onProgress: (chunks: number) => void): Promise<Verified> {
  const spec = await artefacts.spec(run, signal);
  return verifyChunks({ store: session.store, spec, stamp: run.stamp, control: run.control, mode, signal, onProgress });
}

/** The run of this id, by the memo that it left. @throws TRB-RUN-NOT-FOUND; TRB-INVALID-INPUT where it wrote nothing */
async function findRun(temporal: Client, id: string): Promise<RunRef> {
  try {
    const { memo } = await temporal.workflow.getHandle(id).describe();
    const run = memo?.[MEMO.run] as RunRef | undefined;
    if (run) return run;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) throw new TributaryError('TRB-RUN-NOT-FOUND', `there is no run ${id}`, { run: id });
    throw error;
  }
  throw new TributaryError('TRB-INVALID-INPUT', `the run ${id} wrote nothing that could be verified`, { run: id });
}
