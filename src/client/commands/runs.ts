import type { Context } from '../context.ts';
import { EXIT } from '../../contracts/errors.ts';
import { hasRuns } from '../local/embedded-directory.ts';
import { renderRuns } from '../render/runs.ts';
import { listRuns, withStates } from '../run-list.ts';
import { openSession } from '../session.ts';
import { findWhere } from '../where.ts';

/** `tributary runs`. @returns the exit code */
export async function runs(context: Context, flags: { readonly limit: number }): Promise<number> {
  const where = await findWhere(context.config());
  // Nothing ever ran here: no server is started to find that out.
  if (where.kind === 'embedded' && !hasRuns(where.directory)) {
    context.output.answer([], (style) => renderRuns([], style));
    return EXIT.ok;
  }
  const session = await openSession(context, { worker: 'none' });
  try {
    const listed = await listRuns(session.runs, flags.limit);
    // Where this command is alone, there is no worker that could say.
    const lines = session.alone ? listed : await withStates(session.runs, listed);
    context.output.answer(lines, (style) => renderRuns(lines, style));
    return EXIT.ok;
  } finally {
    await session.close();
  }
}
