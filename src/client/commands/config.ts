import { formatOrigin, formatValue } from '../../config/settings.ts';
import { entriesInForce } from '../../config/temporal.ts';
import { EXIT } from '../../contracts/errors.ts';
import type { Context } from '../context.ts';
import { table } from '../render/table.ts';

/** `tributary config`. Secrets are references, so there is nothing to hide. @returns the exit code */
export async function config(context: Context): Promise<number> {
  const { file } = context.config();
  const entries = entriesInForce(context.config());
  context.output.say(file === null ? 'no configuration file; values come from flags, the environment and the defaults' : `configuration file: ${file}`);
  context.output.answer(
    entries.map(({ key, value, origin }) => ({ key, value, origin: formatOrigin(origin) })),
    (style) => table(['KEY', 'VALUE', 'FROM'], entries.map(({ key, value, origin }) =>
      [key, formatValue(value), origin.kind === 'default' ? style.dim('default') : formatOrigin(origin)]), style),
  );
  return EXIT.ok;
}
