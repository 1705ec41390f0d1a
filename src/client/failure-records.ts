/** The failure records of a run, from its control data. */
import type { Location } from '../contracts/location.ts';
import type { ObjectStore } from '../stores/object-store.ts';
import type { FailureLine } from './lines.ts';

/** In the order of the plan, each source once. @param control of the run */
export async function failureLines(store: ObjectStore, { bucket, prefix }: Location): Promise<FailureLine[]> {
  const { readFailures } = await import('../stores/failure-records.ts');
  const records = await readFailures(store, { bucket, prefix: `${prefix}failures/` });
  return [...records.values()].map(({ uri, code, reason, offset, outcome }) => ({ uri, code, reason, offset, outcome }));
}
