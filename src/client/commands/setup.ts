import { EXIT } from '../../contracts/errors.ts';
import type { Context } from '../context.ts';
import { columns } from '../render/table.ts';
import { createSearchAttributes } from '../search-attributes.ts';
import { openSession } from '../session.ts';

/** `tributary setup`: search attributes are made where they are missing; saying it again changes nothing. @returns the exit code */
export async function setup(context: Context): Promise<number> {
  const session = await openSession(context, { worker: 'none' });
  try {
    const made = await session.runs.guard({}, () => createSearchAttributes(session.runs));
    context.output.answer(made, (style) => columns(made.map(({ name, created }) => [name, created ? style.green('created') : 'is there'])).join('\n'));
    return EXIT.ok;
  } finally {
    await session.close();
  }
}
