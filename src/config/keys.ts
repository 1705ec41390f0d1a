/**
 * Every key of the configuration and the variable that overrides it, derived from the schema: `worker.dataSlots` is
 * TRIBUTARY_WORKER_DATA_SLOTS, `stores.cold-eu.endpoint` is TRIBUTARY_STORES_COLD_EU_ENDPOINT.
 */
import { z } from 'zod';
import { configSchema } from '../contracts/config.ts';

/** Stands for a store's name in a path. */
export const ANY = '*';

export interface ConfigKey {
  readonly path: readonly string[];
  readonly types: ReadonlySet<string>;
  readonly description: string | undefined;
  /** As one would write it. */
  readonly fallback: unknown;
}

type JsonSchema = z.core.JSONSchema.BaseSchema;

/** The same node with the properties of each of its alternatives together, where it is a union of mappings. */
function asMapping(schema: JsonSchema): JsonSchema | undefined {
  if (schema.type === 'object') return schema;
  const options = schema.anyOf?.map((option) => option);
  if (options === undefined || !options.every((option) => option.type === 'object')) return undefined;
  return { type: 'object', properties: Object.assign({}, ...options.map((option) => option.properties)) as NonNullable<JsonSchema['properties']> };
}

/** A node under a mapping, or undefined where the key is unknown. */
function child(mapping: JsonSchema, key: string): JsonSchema | undefined {
  const named = mapping.properties?.[key];
  if (typeof named === 'object') return named;
  return typeof mapping.additionalProperties === 'object' ? (mapping.additionalProperties) : undefined;
}

function collect(schema: JsonSchema, path: readonly string[]): ConfigKey[] {
  const mapping = asMapping(schema);
  if (mapping) {
    const names = Object.keys(mapping.properties ?? {});
    if (typeof mapping.additionalProperties === 'object') names.push(ANY);
    return names.flatMap((name) => collect(child(mapping, name) ?? {}, [...path, name]));
  }
  const types = new Set((schema.anyOf ?? [schema]).map((option) => String((option).type)));
  return [{ path, types, description: schema.description, fallback: schema.default }];
}

const root = z.toJSONSchema(configSchema, { io: 'input' }) as JsonSchema;

export const CONFIG_KEYS: readonly ConfigKey[] = collect(root, []);

/** What the schema has at a path: a mapping with the names it allows (`open` where any name is allowed), a value, or nothing. */
export function schemaAt(path: readonly string[]): { readonly kind: 'mapping'; readonly names: readonly string[]; readonly open: boolean } | { readonly kind: 'value' } | undefined {
  let node: JsonSchema | undefined = root;
  for (const key of path) {
    const mapping = asMapping(node);
    node = mapping && child(mapping, key);
    if (!node) return undefined;
  }
  const mapping = asMapping(node);
  if (!mapping) return { kind: 'value' };
  return { kind: 'mapping', names: Object.keys(mapping.properties ?? {}), open: typeof mapping.additionalProperties === 'object' };
}

/** The key that a path of the configuration is one of. */
export function keyAt(path: readonly string[]): ConfigKey | undefined {
  return CONFIG_KEYS.find((key) => key.path.length === path.length && key.path.every((part, i) => part === ANY || part === path[i]));
}

const upper = (part: string): string => part.replace(/([a-z0-9])([A-Z])/g, '$1_$2').replaceAll('-', '_').toUpperCase();

/** The variable that overrides a key. */
export function variableOf(path: readonly string[]): string {
  return ['TRIBUTARY', ...path.map(upper)].join('_');
}

/** The path that a variable overrides: TRIBUTARY_STORES_COLD_EU_REGION → stores, cold-eu, region. Of several readings the one with the longest key. */
export function pathOf(variable: string): readonly string[] | undefined {
  let found: readonly string[] | undefined;
  let longest = 0;
  for (const { path } of CONFIG_KEYS) {
    const at = path.indexOf(ANY);
    if (at < 0) {
      if (variableOf(path) === variable) return path;
      continue;
    }
    const before = `${variableOf(path.slice(0, at))}_`;
    const after = `_${path.slice(at + 1).map(upper).join('_')}`;
    const name = variable.slice(before.length, -after.length);
    if (!variable.startsWith(before) || !variable.endsWith(after) || !/^[A-Z0-9][A-Z0-9_]*$/.test(name) || after.length <= longest) continue;
    found = [...path.slice(0, at), name.toLowerCase().replaceAll('_', '-'), ...path.slice(at + 1)];
    longest = after.length;
  }
  return found;
}

/** A variable's or flag's text as the type that its key wants; text that is no such value stays text, for the schema to refuse. */
export function fromText(key: ConfigKey, text: string): unknown {
  if (key.types.has('boolean') && /^(?:true|false)$/.test(text)) return text === 'true';
  if ((key.types.has('number') || key.types.has('integer')) && /^-?\d+(?:\.\d+)?$/.test(text.trim())) return Number(text);
  if (key.types.has('array')) return text.split(',').map((item) => item.trim());
  return text;
}
