/**
 * Deals `whole` units out by weight, each holder a whole number of them: the shares add up to `whole`, and whoever reckons with the same
 * weights comes to the same shares. What is left over goes to the largest remainders, and of equal ones to the first names.
 */
export function apportion(whole: number, weights: ReadonlyMap<string, number>): ReadonlyMap<string, number> {
  const total = [...weights.values()].reduce((sum, weight) => sum + weight, 0);
  const quotas = [...weights].map(([name, weight]) => ({ name, quota: total === 0 ? 0 : (whole * weight) / total }));
  const shares = new Map(quotas.map(({ name, quota }) => [name, Math.floor(quota)]));
  const left = total === 0 ? 0 : whole - [...shares.values()].reduce((sum, share) => sum + share, 0);
  const remainder = ({ quota }: { readonly quota: number }): number => quota - Math.floor(quota);
  const nearest = quotas.toSorted((a, b) => remainder(b) - remainder(a) || (a.name < b.name ? -1 : 1));
  for (const { name } of nearest.slice(0, left)) shares.set(name, (shares.get(name) ?? 0) + 1);
  return shares;
}
