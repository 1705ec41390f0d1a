/** The fields of an input, one after another. Pure. */
import type { InputField } from '../../contracts/fields.ts';
import type { Style } from '../output.ts';

export function renderFields(fields: readonly InputField[], style: Style): string {
  return [
    'Input of the workflow mergeRun, on the queue tributary, as JSON. Sizes are bytes or text (128MiB), durations are text (15m).',
    '',
    ...fields.flatMap((field) => [head(field, style), ...details(field)]),
  ].join('\n');
}

function head({ path, type, required, fallback }: InputField, style: Style): string {
  const more = required ? ', required' : fallback === undefined ? '' : `, default ${JSON.stringify(fallback)}`;
  const depth = path.split('.').length - 1;
  return `${'  '.repeat(depth)}${style.bold(path)}  ${style.dim(`${type}${more}`)}`;
}

function details({ path, description, examples }: InputField): string[] {
  const indent = '  '.repeat(path.split('.').length);
  const example = examples.length === 0 ? '' : ` Example: ${examples.map((value) => JSON.stringify(value)).join(', ')}.`;
  return description === undefined && example === '' ? [] : [`${indent}${description ?? ''}${example}`];
}
