/** Finds and reads `tributary.yaml`. Every complaint names the file and the line. */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import type * as Yaml from 'yaml';
import { TributaryError } from '../contracts/errors.ts';
import { didYouMean } from '../contracts/suggest.ts';
import type { Environment } from './environment.ts';
import { schemaAt } from './keys.ts';
import type { Setting } from './settings.ts';

/**
 * The file to read: the one that is named, else `tributary.yaml` here, else the user's own.
 * @returns null where nothing is named and nothing found; a named file is returned whether it exists or not
 */
export function findConfigFile(named: string | undefined, environment: Environment, cwd: string): string | null {
  if (named !== undefined) return resolve(cwd, named);
  if (environment.paths.config !== undefined) return environment.paths.config;
  return [join(cwd, 'tributary.yaml'), environment.paths.userConfig].find((path) => existsSync(path)) ?? null;
}

/** Loaded where there is a file to read: its 70 modules would be what most commands load for nothing. */
const loadYaml = (): typeof Yaml => createRequire(import.meta.url)('yaml') as typeof Yaml;

/** Line of the key at `path`, or of the nearest key above it that is written in the file itself. */
function lineOf(document: Yaml.Document, lines: Yaml.LineCounter, path: readonly string[]): number {
  const { isMap, isScalar } = loadYaml();
  let node: unknown = document.contents;
  let line = 1;
  for (const key of path) {
    if (!isMap(node)) break;
    const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === key);
    const at = (pair?.key as Yaml.Node | undefined)?.range?.[0];
    if (pair === undefined || at === undefined) break;
    line = lines.linePos(at).line;
    node = pair.value;
  }
  return line;
}

/**
 * The settings of a file, in its order. An empty value counts as not written.
 * @throws TRB-INVALID-CONFIG where the file cannot be read or is no YAML, and for every unknown key, all in one message
 */
export function readConfigFile(path: string): Setting[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new TributaryError('TRB-INVALID-CONFIG', `${path}: the configuration file cannot be read: ${(error as Error).message}`, { file: path }, { cause: error });
  }
  const { LineCounter, parseDocument } = loadYaml();
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, merge: true });
  const broken = document.errors[0] ?? document.warnings[0];
  if (broken) {
    const [message = 'not YAML'] = broken.message.split('\n');
    throw new TributaryError('TRB-INVALID-CONFIG', `${path}:${broken.linePos?.[0].line ?? 1}: ${message.replace(/ at line \d+, column \d+:?$/, '')}`, { file: path });
  }

  const settings: Setting[] = [];
  const problems: string[] = [];
  const complain = (at: readonly string[], message: string): void => void problems.push(`${path}:${lineOf(document, lines, at)}: ${message}`);
  const walk = (value: unknown, at: readonly string[]): void => {
    if (value === null || value === undefined) return;
    const known = schemaAt(at);
    if (known?.kind === 'value') {
      settings.push({ path: at, value, origin: { kind: 'file', path, line: lineOf(document, lines, at) } });
    } else if (typeof value !== 'object' || Array.isArray(value)) {
      complain(at, `${at.join('.') || 'the file'} must hold keys${known && known.names.length > 0 ? ` (${known.names.join(', ')})` : ''}`);
    } else {
      for (const [key, below] of Object.entries(value)) {
        if (known && (known.open || known.names.includes(key))) walk(below, [...at, key]);
        else complain([...at, key], `unknown key ${[...at, key].join('.')}${didYouMean(key, known?.names ?? [])}`);
      }
    }
  };
  walk(document.toJS() as unknown, []);
  if (problems.length > 0) throw new TributaryError('TRB-INVALID-CONFIG', problems.join('\n'), { file: path });
  return settings;
}
