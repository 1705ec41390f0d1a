/**
 * Deals `whole` units out among holders, each a whole number of them, and none more than one more than another: the shares add up to
 * `whole`, and whoever reckons with the same names comes to the same shares. What is left over goes to the first names.
 */
export function apportion(whole: number, names: Iterable<string>): ReadonlyMap<string, number> {
  const holders = [...new Set(names)].toSorted();
  const least = Math.floor(whole / holders.length);
  const left = whole - least * holders.length;
  return new Map(holders.map((name, at) => [name, at < left ? least + 1 : least]));
}
