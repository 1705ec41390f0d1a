/** Secrets by reference: `env:NAME` and `file:/path`. Read here, when a registry is about to be built, and never shown. */
import { readFileSync } from 'node:fs';
import type { Config, StoreConfig } from '../contracts/config.ts';
import { TributaryError } from '../contracts/errors.ts';
import type { Environment } from './environment.ts';

function resolveReference(reference: string, key: string, environment: Environment): string {
  if (reference.startsWith('env:')) {
    const variable = reference.slice('env:'.length);
    const value = environment.variables[variable];
    if (value === undefined) throw new TributaryError('TRB-INVALID-CONFIG', `${key}: the variable ${variable} is not set`, { key });
    return value;
  }
  const path = reference.slice('file:'.length).replace(/^\/+/, '/');
  let text: string;
  try {
    text = readFileSync(path, 'utf8').trim();
  } catch (error) {
    throw new TributaryError('TRB-INVALID-CONFIG', `${key}: the secret file cannot be read: ${(error as Error).message}`, { key }, { cause: error });
  }
  if (text === '') throw new TributaryError('TRB-INVALID-CONFIG', `${key}: the secret file ${path} is empty`, { key });
  return text;
}

/**
 * The stores with their secrets in place of the references: for the registry, and for nothing that prints.
 * @throws TRB-INVALID-CONFIG that names the key where a variable or a file is missing
 */
export function resolveStores(values: Config, environment: Environment): Readonly<Record<string, StoreConfig>> {
  return Object.fromEntries(Object.entries(values.stores).map(([name, store]) => {
    const { credentials } = store;
    if (!credentials || !('secretAccessKey' in credentials)) return [name, store];
    const secret = (field: 'accessKeyId' | 'secretAccessKey' | 'sessionToken', reference: string): string =>
      resolveReference(reference, `stores.${name}.credentials.${field}`, environment);
    return [name, {
      ...store,
      credentials: {
        accessKeyId: secret('accessKeyId', credentials.accessKeyId),
        secretAccessKey: secret('secretAccessKey', credentials.secretAccessKey),
        ...(credentials.sessionToken === undefined ? {} : { sessionToken: secret('sessionToken', credentials.sessionToken) }),
      },
    }];
  }));
}
