/** One value of the configuration as somebody wrote it, and where. */

export type Origin =
  | { readonly kind: 'flag'; readonly name: string }
  | { readonly kind: 'environment'; readonly name: string }
  | { readonly kind: 'file'; readonly path: string; readonly line: number }
  /** A profile of temporal.toml, which Temporal's own library reads. */
  | { readonly kind: 'profile' }
  | { readonly kind: 'default' };

export interface Setting {
  readonly path: readonly string[];
  /** As written: `256MiB`, not its bytes. */
  readonly value: unknown;
  readonly origin: Origin;
}

/** `--address`, `TRIBUTARY_MEMORY_BUDGET`, `/etc/tributary.yaml:4`, `default`. */
export function formatOrigin(origin: Origin): string {
  switch (origin.kind) {
    case 'flag':
    case 'environment':
      return origin.name;
    case 'file':
      return `${origin.path}:${origin.line}`;
    case 'profile':
      return 'temporal.toml';
    case 'default':
      return 'default';
  }
}

/** A value as it may be shown: never a secret, since settings hold references only. */
export function formatValue(value: unknown): string {
  if (value === null || value === undefined) return '-';
  if (Array.isArray(value)) return value.map(formatValue).join(',');
  return typeof value === 'string' ? value : JSON.stringify(value);
}
