/** What a schema refused, in words that name the key and the place it was written at. */
import type { z } from 'zod';
import { formatOrigin, type Setting } from './settings.ts';

type Issue = z.core.$ZodIssue;

const withoutLabel = (message: string): string => message.replace(/^Invalid (?:input|option): /, '');

/** What is wrong with one value. Custom messages are taken as they are; of several alternatives each is named. */
function wrong(issue: Issue): string {
  if (issue.code === 'invalid_key') return issue.issues[0]?.message ?? issue.message;
  if (issue.code !== 'invalid_union') return withoutLabel(issue.message);
  const alternatives = issue.errors.flat();
  const custom = alternatives.find((one) => one.code === 'custom' || one.code === 'invalid_format');
  return custom?.message ?? [...new Set(alternatives.map((one) => withoutLabel(one.message)))].join(', or ');
}

const isAt = (path: readonly string[], setting: Setting): boolean => path.every((part, i) => setting.path[i] === part);

/** Credentials that fit none of their forms: which forms there are, and what was given where. Unknown names were refused before this. */
function noForm(path: readonly string[], settings: readonly Setting[]): string {
  const given = settings.filter((setting) => isAt(path, setting)).map(({ path: at, origin }) => `${at.slice(path.length).join('.')} (${formatOrigin(origin)})`);
  return `${path.join('.')} needs profile, or accessKeyId and secretAccessKey, or roleArn, and nothing of the others; it has ${given.join(', ')}`;
}

function describe(issue: Issue, settings: readonly Setting[]): string[] {
  const path = issue.path.map(String);
  if (issue.code === 'unrecognized_keys') return [noForm(path, settings)];
  if (issue.code === 'invalid_union' && issue.errors.some((form) => form.some((one) => one.code === 'unrecognized_keys' || one.path.length > 0))) {
    // A form whose names are all there has only values wrong: these are what there is to say.
    const fitting = issue.errors.find((form) => form.every((one) => settings.some((setting) => setting.path.join('.') === [...path, ...one.path].join('.'))));
    return fitting ? fitting.flatMap((one) => describe({ ...one, path: [...path, ...one.path] }, settings)) : [noForm(path, settings)];
  }
  // The value itself, the list that it is in, or the first value of the mapping that it is.
  const setting = settings.find((one) => one.path.every((part, i) => path[i] === part)) ?? settings.find((one) => isAt(path, one));
  const place = setting ? `${formatOrigin(setting.origin)}: ` : '';
  return [`${place}${path.join('.')}: ${wrong(issue)}`];
}

/** One line an issue, without repetition. Values are quoted only where the schema's own message does: never those of secrets. */
export function describeIssues(issues: readonly Issue[], settings: readonly Setting[]): string {
  return [...new Set(issues.flatMap((issue) => describe(issue, settings)))].join('\n');
}
