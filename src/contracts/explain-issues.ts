/** What a schema refused about an input, in words that name the field and, where a name is mistyped, the one that was probably meant. */
import type { z } from 'zod';
import { inputFields, type InputField } from './fields.ts';
import { nearest } from './suggest.ts';

type Issue = z.core.$ZodIssue;

/**
 * One clause an issue, joined by `; `: `unknown key chunk.line, did you mean chunk.lines?`
 * Values are quoted only where the schema's own messages do.
 */
export function describeInputIssues(error: z.ZodError, schema: z.ZodType): string {
  const fields = inputFields(schema);
  return [...new Set(error.issues.flatMap((issue) => clauses(issue, [], fields)))].join('; ');
}

function clauses(issue: Issue, parent: readonly PropertyKey[], fields: readonly InputField[]): string[] {
  const path = [...parent, ...issue.path];
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey(path, key, fields));
  const name = dotted(path) || 'the input';
  if (issue.code === 'invalid_union') return issue.message === 'Invalid input' ? unionClauses(issue.errors, path, fields) : [`${name}: ${issue.message}`];
  if (issue.message.endsWith('received undefined')) return [`${name} is missing`];
  if (issue.code === 'invalid_type' && issue.message.startsWith('Invalid input')) return [`${name}: ${expected(issue.message)}${hint(name, fields)}`];
  if (issue.code === 'too_small' && issue.origin === 'string' && issue.message.startsWith('Too small')) return [`${name} must not be empty`];
  if ((issue.code === 'too_small' || issue.code === 'too_big') && issue.origin === 'number' && issue.message.startsWith('Too ')) {
    return [`${name} must be at ${issue.code === 'too_small' ? `least ${issue.minimum}` : `most ${issue.maximum}`}`];
  }
  const message = (issue.code === 'invalid_key' ? issue.issues[0]?.message : undefined) ?? issue.message.replace(/^Invalid (?:input|option|string): /, '');
  // The schemas' own sentences begin with the field, by its full name or by its last part.
  if (message.startsWith(name) || path.length === 0) return [message];
  const last = String(path.at(-1));
  return [message.startsWith(`${last} `) ? `${name}${message.slice(last.length)}` : `${name}: ${message}`];
}

/** Of several forms that a value may have, the one that it was probably meant to have. */
function unionClauses(forms: readonly (readonly Issue[])[], path: readonly PropertyKey[], fields: readonly InputField[]): string[] {
  const name = dotted(path) || 'the input';
  const unknown = forms.map((form) => form.flatMap((issue) => (issue.code === 'unrecognized_keys' && issue.path.length === 0 ? issue.keys : [])));
  const objects = unknown.filter((keys) => keys.length > 0);
  const inNone = objects[0]?.filter((key) => objects.every((keys) => keys.includes(key))) ?? [];
  if (inNone.length > 0 && forms.every((form, i) => (unknown[i]?.length ?? 0) > 0 || misfit(form) === WRONG_KIND)) return inNone.map((key) => unknownKey(path, key, fields));
  if (objects.length > 1 && objects.length === forms.length) return [`${name}: say only one of ${[...new Set(objects.flat())].sort().join(', ')}`];

  const [best = [], ...others] = forms.toSorted((a, b) => misfit(a) - misfit(b) || a.length - b.length);
  const tags = [best, ...others].flatMap(([issue]) => (issue?.code === 'invalid_value' && issue.path.length === 1 ? [issue] : []));
  if (tags.length === forms.length) return [`${dotted([...path, ...tags.flatMap((tag) => tag.path).slice(0, 1)])}: expected ${tags.flatMap((tag) => tag.values).map((value) => JSON.stringify(value)).join(' or ')}`];
  if (misfit(best) < WRONG_KIND) return best.flatMap((issue) => clauses(issue, path, fields));
  const messages = forms.flat().map((issue) => issue.message);
  if (messages.every((message) => message.endsWith('received undefined'))) return [`${name} is missing`];
  return [`${name}: ${[...new Set(messages.map(expected))].join(' or ').replaceAll(' or expected ', ' or ')}${hint(name, fields)}`];
}

const WRONG_KIND = 2;

/** 0: only the value is wrong; 1: parts of it are; 2: it is something else altogether. */
function misfit(form: readonly Issue[]): number {
  return Math.max(...form.map((issue) => {
    if (issue.code === 'invalid_union') return Math.min(...issue.errors.map(misfit));
    if (issue.code === 'invalid_type' || issue.code === 'invalid_value') return issue.path.length === 0 ? WRONG_KIND : 1;
    return issue.code === 'unrecognized_keys' ? 1 : 0;
  }));
}

function unknownKey(path: readonly PropertyKey[], key: string, fields: readonly InputField[]): string {
  const full = dotted([...path, key]);
  const siblings = fields.map((field) => field.path);
  const meant = nearest(full, siblings) ?? siblings.find((sibling) => nearest(key, [sibling.slice(sibling.lastIndexOf('.') + 1)]) !== undefined);
  return `unknown key ${full}${meant === undefined ? '' : `, did you mean ${meant}?`}`;
}

const dotted = (path: readonly PropertyKey[]): string =>
  path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('').replace(/^\./, '');

const expected = (message: string): string => message.replace(/^Invalid input: /, '').replace(/, received .*$/, '');

const hint = (name: string, fields: readonly InputField[]): string => {
  const description = fields.find((field) => field.path === name)?.description;
  return description === undefined ? '' : ` (${description.replace(/\.$/, '')})`;
};
