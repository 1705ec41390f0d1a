import { SEARCH_ATTRIBUTES } from '../contracts/names.ts';
import type { Runs } from './runs.ts';

type Operator = Runs['client']['connection']['operatorService'];
type AttributeType = NonNullable<Parameters<Operator['addSearchAttributes']>[0]['searchAttributes']>[string];
// The SDK exports the type of this number, and not the number.
const KEYWORD = 2 as unknown as AttributeType;

/** Our search attributes that the server lacks. */
export async function missingSearchAttributes({ client, namespace }: Pick<Runs, 'client' | 'namespace'>): Promise<string[]> {
  const { customAttributes } = await client.connection.operatorService.listSearchAttributes({ namespace });
  return Object.values(SEARCH_ATTRIBUTES).filter((name) => !Object.hasOwn(customAttributes, name));
}

/** Idempotent. */
export async function createSearchAttributes(runs: Pick<Runs, 'client' | 'namespace'>): Promise<{ readonly name: string; readonly created: boolean }[]> {
  const missing = await missingSearchAttributes(runs);
  if (missing.length > 0) {
    await runs.client.connection.operatorService.addSearchAttributes({ namespace: runs.namespace, searchAttributes: Object.fromEntries(missing.map((name) => [name, KEYWORD])) });
  }
  return Object.values(SEARCH_ATTRIBUTES).map((name) => ({ name, created: missing.includes(name) }));
}
