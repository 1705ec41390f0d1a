const sorted = new WeakMap<ReadonlyMap<string, unknown>, { readonly size: number; readonly keys: readonly string[] }>();

/** Keys in UTF-8 byte order. Sorted again only where keys have come or gone, so that walking many pages is cheap. */
export function listingOf(objects: ReadonlyMap<string, unknown>): readonly string[] {
  const known = sorted.get(objects);
  if (known?.size === objects.size && known.keys.every((key) => objects.has(key))) return known.keys;
  const keys = [...objects.keys()].map((key) => [key, Buffer.from(key)] as const).sort(([, a], [, b]) => Buffer.compare(a, b)).map(([key]) => key);
  sorted.set(objects, { size: objects.size, keys });
  return keys;
}
