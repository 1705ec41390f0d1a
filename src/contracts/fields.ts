/** The fields of an input schema, one after another, for people: `tributary explain`, the reference, and suggestions. */
import { z } from 'zod';

export interface InputField {
  /** `limits.downloads`; `filters[].include` for fields of the items of a list. */
  readonly path: string;
  /** In words: `whole number, 1 to 500`. */
  readonly type: string;
  readonly required: boolean;
  /** As one would write it; absent where nothing takes its place. */
  readonly fallback?: unknown;
  readonly description?: string;
  readonly examples: readonly unknown[];
}

type Node = z.core.JSONSchema.BaseSchema;

/** Every field that the input may have, parents before their children, in the order of the schema. */
export function inputFields(schema: z.ZodType): InputField[] {
  const root = z.toJSONSchema(schema, {
    io: 'input',
    unrepresentable: 'any',
    // What a field is turned into has no place here, but then zod leaves out its default and its examples too.
    override: ({ zodSchema, jsonSchema }) => {
      const meta = z.globalRegistry.get(zodSchema) as { default?: unknown; examples?: unknown[] } | undefined;
      const { def } = zodSchema._zod;
      if (meta?.default !== undefined) Object.assign(jsonSchema, { default: meta.default });
      else if (def.type === 'default') Object.assign(jsonSchema, { default: def.defaultValue });
      if (meta?.examples !== undefined) Object.assign(jsonSchema, { examples: meta.examples });
    },
  }) as Node;
  return children(root, '');
}

function children(node: Node, parent: string): InputField[] {
  const variants = [node, ...alternatives(node)].filter((variant) => variant.properties !== undefined);
  const seen = new Map<string, InputField[]>();
  for (const variant of variants) {
    for (const [name, child] of Object.entries(variant.properties ?? {})) {
      const path = parent === '' ? name : `${parent}.${name}`;
      const required = variants.every((one) => one.required?.includes(name) === true);
      if (!seen.has(path) && typeof child === 'object') seen.set(path, field(child, path, required));
    }
  }
  return [...seen.values()].flat();
}

function field(node: Node, path: string, required: boolean): InputField[] {
  const items = typeof node.items === 'object' && !Array.isArray(node.items) ? (node.items) : undefined;
  const below = items?.type === 'object' ? children(items, `${path}[]`) : children(node, path);
  return [{
    path, type: typeText(node), required, examples: node.examples ?? [],
    ...(node.default === undefined || isEmpty(node.default) ? {} : { fallback: node.default }),
    ...(node.description === undefined ? {} : { description: node.description }),
  }, ...below];
}

const alternatives = (node: Node): Node[] => (node.anyOf ?? []).flatMap((option) => {
  const one = option;
  return one.anyOf === undefined ? [one] : alternatives(one);
});

const isEmpty = (value: unknown): boolean => typeof value === 'object' && value !== null && Object.keys(value).length === 0;

function typeText(node: Node): string {
  const options = alternatives(node);
  if (options.length > 0) {
    const types = [...new Set(options.map(typeText))];
    // The one union of a number and a text that there is: sizes.
    const plain = types.filter((type) => type !== 'whole number' && type !== 'text');
    return (types.length - plain.length === 2 ? [...plain, 'size, as 4096 or "128MiB"'] : types).join(', or ');
  }
  if (node.const !== undefined) return JSON.stringify(node.const);
  if (node.enum !== undefined) return node.enum.map((value) => JSON.stringify(value)).join(' | ');
  switch (node.type) {
    case 'integer': return `whole number${bounds(node)}`;
    case 'number': return `number${bounds(node)}`;
    case 'boolean': return 'true or false';
    case 'array': return `list of ${typeText(node.items as Node)}`;
    case 'object': return node.properties === undefined ? 'map of text to text' : `{${Object.keys(node.properties).join(', ')}}`;
    case 'string': return node.format === 'date' ? 'date' : node.format === 'date-time' ? 'instant (ISO 8601)' : 'text';
    default: return 'anything';
  }
}

function bounds(node: Node): string {
  const low = node.minimum ?? 0;
  const high = node.maximum ?? Number.MAX_SAFE_INTEGER;
  if (high < Number.MAX_SAFE_INTEGER) return `, ${low} to ${high}`;
  return low > 0 ? `, at least ${low}` : '';
}
