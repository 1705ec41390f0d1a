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

/** Longer than any source takes that gives keys at all: a process that asks somebody, a role that is assumed by another region. */
const SOURCE_TIMEOUT_MS = 30_000;

/**
 * Where the credentials of a store come from: keys of the configuration, a profile, an assumed role, or the SDK's chain
 * (environment, profile, web identity, container, instance). Each call asks anew.
 * @throws CredentialsFailure, also where the source gives no answer in time
 */
export function createCredentials(config: StoreConfig): CredentialsSource {
  return inTime(() => sourceOf(config));
}

/** @param open makes the source: one that hangs is not asked again, as the SDK's chain would go on waiting for what it asked before */
export function inTime(open: () => CredentialsSource, timeoutMs = SOURCE_TIMEOUT_MS): CredentialsSource {
  let source = open();
  return async () => {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        source = open();
        reject(Object.assign(new Error(`their source gave none within ${timeoutMs} ms`), { code: 'ETIMEDOUT' }));
      }, timeoutMs);
    });
    try {
      return await Promise.race([source(), late]);
    } catch (error) {
      throw new CredentialsFailure(error instanceof Error ? error.message : 'no credentials', { cause: error });
    } finally {
      clearTimeout(timer);
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
 * Asks the source once, and again before what it gave expires. What still holds is used meanwhile, and where the source fails.
 * @returns what is known, at once where it need not be waited for: a promise for each small read is what this saves
 */
export function rememberCredentials(source: CredentialsSource, nowMs: () => number = Date.now): () => Credentials | Promise<Credentials> {
  let known: Credentials | undefined;
  let asking: Promise<Credentials> | undefined;
  const ask = (): Promise<Credentials> => {
    asking ??= source().then((keys) => known = keys).finally(() => {
      asking = undefined;
    });
    return asking;
  };
  return () => {
    if (!known?.expiration) return known ?? ask();
    const leftMs = known.expiration.getTime() - nowMs();
    if (leftMs > REFRESH_BEFORE_MS) return known;
    const asked = ask();
    if (leftMs <= 0) return asked;
    // Told to whoever asks when nothing holds any more.
    asked.catch(() => undefined);
    return known;
  };
}
