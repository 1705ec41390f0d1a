/** Changed limits are checked by hand: no schema library runs in workflow code, where a raw error would be retried for ever. */
import { ApplicationFailure } from '@temporalio/workflow';
import type { Limits } from '../contracts/limits.ts';
import { parseSizeBytes } from '../contracts/units.ts';

const COUNTS = ['parallelGroups', 'downloads', 'uploads'] as const;
const RATES = ['bytesPerSecond', 'requestsPerSecond'] as const;

function refuse(message: string): never {
  throw ApplicationFailure.create({ type: 'TRB-INVALID-INPUT', nonRetryable: true, message });
}

/**
 * `limits` with some of them changed. `"off"` or null lifts a rate, and `downloads`.
 * @throws TRB-INVALID-INPUT. Never anything else: it also validates updates, before they are accepted
 */
export function changedLimits(limits: Limits, changes: unknown): Limits {
  if (typeof changes !== 'object' || changes === null || Array.isArray(changes)) refuse('limits are an object, as {"downloads": 10}');
  const entries = Object.entries(changes);
  if (entries.length === 0) refuse(`say which limits change: ${[...COUNTS, ...RATES].join(', ')}`);
  let changed: Limits = limits;
  for (const [name, value] of entries as [string, unknown][]) {
    if (name === 'downloads' && isOff(value)) {
      changed = { ...changed, downloads: null };
    } else if (COUNTS.some((known) => known === name)) {
      if (!Number.isInteger(value) || (value as number) < 1 || (value as number) > 1000) refuse(`${name} is a whole number from 1 to 1000, not ${JSON.stringify(value)}`);
      changed = { ...changed, [name]: value };
    } else if (RATES.some((known) => known === name)) {
      changed = { ...changed, [name]: rate(name, value) };
    } else refuse(`there is no limit ${JSON.stringify(name)}; there are ${[...COUNTS, ...RATES].join(', ')}`);
  }
  return changed;
}

/** Whether a message holds all limits. The share of a child may be no batch at all: it waits for its sisters. */
export function isLimits(value: unknown): value is Limits {
  if (typeof value !== 'object' || value === null) return false;
  const limits = value as Partial<Record<string, unknown>>;
  return COUNTS.every((name) => (Number.isInteger(limits[name]) && (limits[name] as number) >= (name === 'parallelGroups' ? 0 : 1)) || (name === 'downloads' && limits[name] === null))
    && RATES.every((name) => limits[name] === null || (typeof limits[name] === 'number' && limits[name] > 0));
}

function isOff(value: unknown): boolean {
  return value === null || value === 'off';
}

function rate(name: string, value: unknown): number | null {
  if (isOff(value)) return null;
  const parsed = typeof value === 'string' ? parseSizeBytes(value) : value;
  const least = name === 'bytesPerSecond' ? 1024 : 1;
  if (typeof parsed !== 'number' || !(parsed >= least)) refuse(`${name} is at least ${least} a second, or "off", not ${JSON.stringify(value)}`);
  return parsed;
}
