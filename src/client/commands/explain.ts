import { EXIT } from '../../contracts/errors.ts';
import { inputFields } from '../../contracts/fields.ts';
import { mergeInput } from '../../contracts/merge.ts';
import type { Context } from '../context.ts';
import { renderFields } from '../render/fields.ts';

/** `tributary explain merge`. @returns the exit code */
export async function explain(context: Context): Promise<number> {
  const fields = inputFields(mergeInput);
  context.output.answer(fields.map(({ fallback, ...field }) => ({ ...field, default: fallback ?? null })), (style) => renderFields(fields, style));
  return EXIT.ok;
}
