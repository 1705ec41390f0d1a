/** Flags of the command line as a run's input. Pure. */
import { type z } from 'zod';
import { TributaryError } from '../contracts/errors.ts';
import { describeInputIssues } from '../contracts/explain-issues.ts';
import { limitsInput, type LimitsInput } from '../contracts/limits.ts';
import { mergeInput, type Encryption, type MergeInput } from '../contracts/merge.ts';
import { compileGlob } from '../core/globs.ts';
import type { FilterFlag } from './program/flags.ts';

export interface LimitFlags {
  readonly parallelGroups?: string;
  readonly downloads?: string;
  readonly uploads?: string;
  readonly bwlimit?: string;
  readonly tpslimit?: string;
}

export interface MergeFlags extends LimitFlags {
  readonly include?: readonly FilterFlag[];
  readonly exclude?: readonly FilterFlag[];
  readonly filesFrom?: string;
  readonly minSize?: string;
  readonly maxSize?: string;
  readonly minAge?: string;
  readonly modifiedAfter?: string;
  readonly modifiedBefore?: string;
  readonly lines?: string;
  readonly size?: string;
  readonly groupBy?: string;
  readonly extension?: string;
  readonly compression?: 'auto' | 'none';
  readonly contentType?: string;
  readonly storageClass?: string;
  readonly sse?: string;
  readonly tag?: readonly string[];
  readonly metadata?: readonly string[];
  readonly partSize?: string;
  readonly label?: string;
  readonly dryRun?: boolean;
  readonly again?: boolean;
  readonly onError?: 'continue' | 'stop';
  readonly verify?: 'none' | 'size' | 'content';
  readonly sourceStore?: string;
  readonly targetStore?: string;
}

/** The flag that sets a field: people typed flags, so messages name flags. */
const FLAG_OF: Readonly<Record<string, string>> = {
  'chunk.lines': '--lines', 'chunk.bytes': '--size', 'groupBy.depth': '--group-by depth:N', groupBy: '--group-by', extension: '--extension',
  minBytes: '--min-size', maxBytes: '--max-size', minAge: '--min-age', modifiedAfter: '--modified-after', modifiedBefore: '--modified-before',
  'output.contentType': '--content-type', 'output.storageClass': '--storage-class', 'output.encryption': '--sse', 'output.tags': '--tag', 'output.metadata': '--metadata',
  partBytes: '--part-size', label: '--label', 'limits.parallelGroups': '--parallel-groups', 'limits.downloads': '--downloads', 'limits.uploads': '--uploads',
  'limits.bytesPerSecond': '--bwlimit', 'limits.requestsPerSecond': '--tpslimit', 'source.store': '--source-store', 'target.store': '--target-store',
  parallelGroups: '--parallel-groups', downloads: '--downloads', uploads: '--uploads', bytesPerSecond: '--bwlimit', requestsPerSecond: '--tpslimit',
};

/**
 * The input as it is sent: what was written, checked, with nothing filled in.
 * @throws TRB-INVALID-INPUT, TRB-NOT-SUPPORTED
 */
export function mergeInputOf(source: string, target: string, flags: MergeFlags): MergeInput {
  if (flags.filesFrom !== undefined) throw new TributaryError('TRB-NOT-SUPPORTED', '--files-from is not supported yet');
  const input = withoutUndefined({
    source: location(source, flags.sourceStore),
    target: location(target, flags.targetStore),
    chunk: flags.size !== undefined ? { bytes: flags.size } : flags.lines !== undefined ? { lines: numeric(flags.lines) } : undefined,
    groupBy: flags.groupBy === undefined ? undefined : groupBy(flags.groupBy),
    compression: flags.compression === undefined ? undefined : { input: flags.compression },
    extension: flags.extension,
    // One list, whichever of the two it came by.
    filters: flags.include ?? flags.exclude,
    modifiedAfter: flags.modifiedAfter, modifiedBefore: flags.modifiedBefore, minAge: flags.minAge, minBytes: flags.minSize, maxBytes: flags.maxSize,
    onError: flags.onError, verify: flags.verify,
    limits: orNothing(limitsOf(flags)),
    partBytes: flags.partSize,
    output: orNothing(withoutUndefined({
      contentType: flags.contentType, storageClass: flags.storageClass, encryption: flags.sse === undefined ? undefined : encryptionOf(flags.sse),
      tags: flags.tag && pairs('--tag', flags.tag), metadata: flags.metadata && pairs('--metadata', flags.metadata),
    })),
    dryRun: flags.dryRun, again: flags.again, label: flags.label,
  });
  check(input, mergeInput);
  // Here, and not first on a worker.
  for (const { include, exclude } of flags.include ?? flags.exclude ?? []) compileGlob(include ?? exclude ?? '');
  return input as unknown as MergeInput;
}

/** @throws TRB-INVALID-INPUT */
export function limitsInputOf(flags: LimitFlags): LimitsInput {
  const input = limitsOf(flags);
  check(input, limitsInput);
  return input;
}

function limitsOf(flags: LimitFlags): LimitsInput {
  return withoutUndefined({
    parallelGroups: numeric(flags.parallelGroups), downloads: numeric(flags.downloads), uploads: numeric(flags.uploads),
    bytesPerSecond: flags.bwlimit, requestsPerSecond: numeric(flags.tpslimit),
  });
}

function check(input: unknown, schema: z.ZodType): void {
  const { error } = schema.safeParse(input);
  if (error) throw new TributaryError('TRB-INVALID-INPUT', describeInputIssues(error, schema).split('; ').map(withFlags).join('; '));
}

/** The message with the flag in place of the field that it begins with. */
function withFlags(message: string): string {
  const field = Object.keys(FLAG_OF).find((path) => message.startsWith(path) && /^(?::| |\.|$)/.test(message.slice(path.length)));
  return field === undefined ? message : `${FLAG_OF[field] ?? field}${message.slice(field.length)}`;
}

/** A whole or decimal number as such; other text stays, for the schema to refuse. */
function numeric(text: string | undefined): number | string | undefined {
  return text !== undefined && /^-?\d+(?:\.\d+)?$/.test(text) ? Number(text) : text;
}

const location = (uri: string, store: string | undefined): MergeInput['source'] => (store === undefined ? uri : { uri, store });

function groupBy(text: string): unknown {
  const depth = /^depth:(.*)$/.exec(text);
  if (!depth && text !== 'directory') throw new TributaryError('TRB-INVALID-INPUT', `--group-by takes directory or depth:N, and not "${text}"`);
  return depth ? { depth: numeric(depth[1]) } : text;
}

/** What `--sse` says. @throws TRB-INVALID-INPUT */
export function encryptionOf(text: string): Encryption {
  const [, type, key] = /^(s3|kms)(?::(.+))?$/s.exec(text) ?? [];
  if (type === 'kms') return { type, ...(key === undefined ? {} : { key }) };
  if (type === 's3' && key === undefined) return { type };
  throw new TributaryError('TRB-INVALID-INPUT', `--sse takes s3, kms or kms:KEY, and not "${text}"`);
}

function pairs(flag: string, items: readonly string[]): Record<string, string> {
  const found = new Map<string, string>();
  for (const item of items) {
    const at = item.indexOf('=');
    if (at < 1) throw new TributaryError('TRB-INVALID-INPUT', `${flag} takes key=value, and not "${item}"`);
    const key = item.slice(0, at);
    if (found.has(key)) throw new TributaryError('TRB-INVALID-INPUT', `${flag} names "${key}" twice`);
    found.set(key, item.slice(at + 1));
  }
  return Object.fromEntries(found);
}

function withoutUndefined(object: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
}

const orNothing = <T extends object>(object: T): T | undefined => (Object.keys(object).length === 0 ? undefined : object);
