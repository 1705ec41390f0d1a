/** A command's look at one run: the session, and that the run is there. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { WorkflowExecutionDescription } from '@temporalio/client';
import type { Environment } from '../config/environment.ts';
import type { Context } from './context.ts';
import { runNotFound } from './failure.ts';
import { hasRuns, otherDirectories } from './local/embedded-directory.ts';
import { listDevs } from './local/state.ts';
import type { Run } from './runs.ts';
import { openSession, type Session, type SessionOptions } from './session.ts';
import { findWhere } from './where.ts';

export interface OpenRun {
  readonly session: Session;
  readonly run: Run;
  readonly description: WorkflowExecutionDescription;
}

/** Opens a session, runs the command on the run, and closes the session. @throws TRB-RUN-NOT-FOUND, with a hint where other runs are */
export async function withRun<T>(context: Context, id: string, options: SessionOptions, command: (open: OpenRun) => Promise<T>): Promise<T> {
  const where = await findWhere(context.config());
  if (where.kind === 'embedded' && !hasRuns(where.directory)) throw runNotFound(id, await placesOf(where.directory, context.environment));
  const session = await openSession(context, options);
  try {
    const run = session.runs.run(id);
    return await command({ session, run, description: await session.runs.guard({ run: id }, () => run.handle.describe()) });
  } finally {
    await session.close();
  }
}

/** Local mode keeps the runs of each S3 endpoint apart: whoever forgot a variable looks in the wrong place. */
async function placesOf(directory: string, { paths }: Environment): Promise<string> {
  const others = await otherDirectories(directory);
  const here = directory.slice(directory.lastIndexOf('/') + 1);
  const devs = join(paths.state, 'dev');
  const isDevOver = existsSync(devs) && (await listDevs(paths.state)).every(({ alive }) => !alive);
  return `this machine for S3 at ${here}${others.length === 0 ? '' : `; there are runs for ${others.join(', ')} (set AWS_ENDPOINT_URL_S3)`}${isDevOver ? '; `tributary dev` is not running: its runs are there when it is' : ''}`;
}
