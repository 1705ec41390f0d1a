/** `pause`, `resume`, `cancel` and `limit`: each waits for what it asked for, and says what came of it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { EXIT, isTributaryError, TributaryError } from '../../contracts/errors.ts';
import type { Progress } from '../../contracts/progress.ts';
import type { Context } from '../context.ts';
import { limitsInputOf, type LimitFlags } from '../merge-input.ts';
import { withRun, type OpenRun } from '../open-run.ts';
import { renderLimits } from '../render/limits.ts';
import type { Run } from '../runs.ts';

const WAIT_MS = 20_000;
const LOOK_EACH_MS = 200;

interface ReasonFlags { readonly reason?: string }

/** @returns the exit code */
export async function pause(context: Context, id: string, { reason }: ReasonFlags): Promise<number> {
  return withRun(context, id, { worker: 'control' }, async (open) => {
    refuseEnded(open);
    await open.run.pause(reason);
    const state = await stateWhen(open, (now) => now === 'paused' || now === 'ended');
    say(context, id, state, state === 'paused' ? `paused ${id}; go on with: tributary resume ${id}` : state === 'ended' ? `${id} has just ended` : `pausing ${id}; its calls are still handing back where they are`);
    return EXIT.ok;
  });
}

/** @returns the exit code */
export async function resume(context: Context, id: string): Promise<number> {
  return withRun(context, id, { worker: 'control' }, async (open) => {
    refuseEnded(open);
    await open.run.resume();
    const state = await stateWhen(open, (now) => now !== 'paused' && now !== 'pausing');
    say(context, id, state, open.session.alone ? `${id} is to go on, but nobody works on it; go on with: tributary watch ${id}` : `${id} goes on; follow it with: tributary watch ${id}`);
    return EXIT.ok;
  });
}

/** @returns the exit code */
export async function cancel(context: Context, id: string, { reason }: ReasonFlags): Promise<number> {
  return withRun(context, id, { worker: 'all' }, async (open) => {
    refuseEnded(open);
    await open.run.cancel(reason);
    const state = await stateWhen(open, (now) => now === 'ended');
    say(context, id, state, state === 'ended' ? `cancelled ${id}; what was done: tributary report ${id}` : `cancelling ${id}; it ends when its calls have stopped`);
    return EXIT.ok;
  });
}

/** @returns the exit code */
export async function limit(context: Context, id: string, flags: LimitFlags): Promise<number> {
  const changes = limitsInputOf(flags);
  if (Object.keys(changes).length === 0) throw new TributaryError('TRB-INVALID-INPUT', 'say what to change: --parallel-groups, --downloads, --uploads, --bwlimit or --tpslimit');
  return withRun(context, id, { worker: 'control' }, async (open) => {
    refuseEnded(open);
    const limits = await open.run.setLimits(changes);
    context.output.answer(limits, () => renderLimits(limits));
    return EXIT.ok;
  });
}

function refuseEnded({ description, run }: OpenRun): void {
  const { name } = description.status;
  if (name !== 'RUNNING') throw new TributaryError('TRB-RUN-ENDED', `the run ${run.id} has ended already (${name.toLowerCase().replaceAll('_', ' ')})`);
}

/** `unserved`: no worker is there to say. What was asked is kept until one is. */
type State = Progress['state'] | 'unserved';

/** The state of a run once it is what was asked for; after 20 seconds whatever it is then. */
async function stateWhen({ run }: OpenRun, isThere: (state: State) => boolean): Promise<State> {
  const deadlineMs = Date.now() + WAIT_MS;
  for (;;) {
    const state = (await run.handle.describe()).status.name === 'RUNNING' ? await stateOf(run) : 'ended';
    if (isThere(state) || state === 'unserved' || Date.now() > deadlineMs) return state;
    await sleep(LOOK_EACH_MS);
  }
}

async function stateOf(run: Run): Promise<State> {
  try {
    return (await run.progress()).state;
  } catch (error) {
    if (isTributaryError(error) && error.code === 'TRB-NO-WORKER') return 'unserved';
    throw error;
  }
}

function say({ output }: Context, id: string, state: State, text: string): void {
  output.answer({ id, state }, () => (state === 'unserved' ? `${id} is asked to, and does so when a worker serves it: there is none at the moment` : text));
}
