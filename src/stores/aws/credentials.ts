import { fromNodeProviderChain, fromTemporaryCredentials } from '@aws-sdk/credential-providers';
import type { StoreConfig } from '../../contracts/config.ts';

/** Keys as they sign requests. */
export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly expiration?: Date;
}
export type CredentialsSource = () => Promise<Credentials>;

/** Every failure to get credentials has this name, whatever the source threw, so that it is not taken for an answer of the store. */
class CredentialsFailure extends Error {
  override readonly name = 'CredentialsProviderError';
}

/**
 * Where the credentials of a store come from: keys of the configuration, a profile, an assumed role, or the SDK's chain
 * (environment, profile, web identity, container, instance). Each call asks anew.
 * @throws CredentialsFailure
 */
export function createCredentials(config: StoreConfig): CredentialsSource {
  const source = sourceOf(config);
  return async () => {
    try {
      return await source();
    } catch (error) {
      throw new CredentialsFailure(error instanceof Error ? error.message : 'no credentials', { cause: error });
    }
  };
}

function sourceOf({ credentials, region }: StoreConfig): CredentialsSource {
  if (credentials === undefined) return fromNodeProviderChain();
  if ('accessKeyId' in credentials) {
    const { accessKeyId, secretAccessKey, sessionToken } = credentials;
    const keys: Credentials = { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) };
    return () => Promise.resolve(keys);
  }
  if ('roleArn' in credentials) {
    const { roleArn, externalId, durationSeconds, profile } = credentials;
    return fromTemporaryCredentials({
      masterCredentials: fromNodeProviderChain(profile === undefined ? {} : { profile }),
      params: {
        RoleArn: roleArn, RoleSessionName: 'tributary',
        ...(externalId === undefined ? {} : { ExternalId: externalId }),
        ...(durationSeconds === undefined ? {} : { DurationSeconds: durationSeconds }),
      },
      ...(region === undefined ? {} : { clientConfig: { region } }),
    });
  }
  return fromNodeProviderChain({ profile: credentials.profile });
}

/** Asked for again this long before they expire, as the SDK does. */
const REFRESH_BEFORE_MS = 5 * 60_000;

/**
 * Asks the source once, and again before what it gave expires. What still holds is used where the source fails.
 * @returns what is known, at once where it need not be asked for: a promise for each small read is what this saves
 */
export function rememberCredentials(source: CredentialsSource, nowMs: () => number = Date.now): () => Credentials | Promise<Credentials> {
  let known: Credentials | undefined;
  let asking: Promise<Credentials> | undefined;
  const expiresMs = (): number => known?.expiration?.getTime() ?? Infinity;
  const ask = async (): Promise<Credentials> => {
    asking ??= source().finally(() => {
      asking = undefined;
    });
    try {
      known = await asking;
    } catch (error) {
      if (!known || nowMs() >= expiresMs()) throw error;
    }
    return known;
  };
  return () => known && (!known.expiration || nowMs() < expiresMs() - REFRESH_BEFORE_MS) ? known : ask();
}
