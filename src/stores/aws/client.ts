/**
 * The SDK client of one store, set up so that it does what the port promises and nothing behind our back: no retries, no
 * checksums of its own, no `Expect: 100-continue`, no SHA-256 over bodies that carry a CRC32, connections kept alive.
 */
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import type { StoreConfig } from '../../contracts/config.ts';
import { COMPLETE_SILENCE_MS } from '../object-store.ts';
import type { ProxySettings } from '../proxy.ts';
import type { CredentialsSource } from './credentials.ts';

/** More than any run has in flight: waiting is the business of the limits, not of the socket pool. */
const MAX_SOCKETS = 1024;
const CONNECT_TIMEOUT_MS = 5_000;
/** No byte either way for this long: the connection is dead. */
const IDLE_TIMEOUT_MS = 60_000;
const DEFAULT_REGION = 'us-east-1';

export interface AwsClients {
  readonly s3: S3Client;
  /** For CompleteMultipartUpload: the same connections, more patience. */
  readonly patient: S3Client;
  readonly close: () => void;
}

export interface ClientOptions {
  /** Whether an endpoint of the AWS environment or profile holds for this store, where it has none of its own. */
  readonly useEnvironmentEndpoint: boolean;
  readonly credentials: CredentialsSource;
  readonly proxy?: ProxySettings | undefined;
}

export function createClients(config: StoreConfig, { useEnvironmentEndpoint, credentials, proxy }: ClientOptions): AwsClients {
  const agentOptions = { keepAlive: true, maxSockets: MAX_SOCKETS, scheduling: 'lifo', ...(proxy ? { proxyEnv: environmentOf(proxy) } : {}) } as const;
  const httpAgent = new HttpAgent(agentOptions);
  const httpsAgent = new HttpsAgent(agentOptions);
  const client = (socketTimeout: number): S3Client => withHabits(new S3Client({
    ...endpointConfig(config, useEnvironmentEndpoint),
    credentials,
    requestHandler: new NodeHttpHandler({ httpAgent, httpsAgent, connectionTimeout: CONNECT_TIMEOUT_MS, socketTimeout }),
  }));
  const s3 = client(IDLE_TIMEOUT_MS);
  const patient = client(COMPLETE_SILENCE_MS);
  return {
    s3, patient,
    close: () => {
      s3.destroy();
      patient.destroy();
    },
  };
}

function environmentOf({ http, https, none }: ProxySettings): Record<string, string> {
  return {
    ...(http === undefined ? {} : { HTTP_PROXY: http }), ...(https === undefined ? {} : { HTTPS_PROXY: https }), ...(none === undefined ? {} : { NO_PROXY: none }),
  };
}

/** Everything but credentials and connections. */
export function endpointConfig(config: StoreConfig, useEnvironmentEndpoint: boolean): S3ClientConfig & { readonly ignoreConfiguredEndpointUrls: boolean } {
  const profile = config.credentials && 'profile' in config.credentials ? config.credentials.profile : undefined;
  return {
    region: regionOf(config, profile),
    maxAttempts: 1,
    // The SDK would write to the console; what fails is said by the error.
    logger: SILENT,
    followRegionRedirects: true,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    expectContinueHeader: false,
    forcePathStyle: config.pathStyle ?? config.endpoint !== undefined,
    ...(config.endpoint === undefined ? {} : { endpoint: config.endpoint }),
    ...(profile === undefined ? {} : { profile }),
    ignoreConfiguredEndpointUrls: !useEnvironmentEndpoint,
  };
}

/** The configured region, else that of the AWS environment and profile, else us-east-1. */
function regionOf(config: StoreConfig, profile?: string): string | (() => Promise<string>) {
  if (config.region !== undefined) return config.region;
  return async () => {
    const asker = new S3Client(profile === undefined ? {} : { profile });
    try {
      return await asker.config.region();
    } catch {
      return DEFAULT_REGION; // The SDK's only complaint here is that nothing names a region.
    } finally {
      asker.destroy();
    }
  };
}

const quiet = (): void => undefined;
const SILENT = { trace: quiet, debug: quiet, info: quiet, warn: quiet, error: quiet };

interface Request { readonly headers: Record<string, string>; readonly method: string; readonly body?: unknown }

function withHabits(client: S3Client): S3Client {
  client.middlewareStack.add((next, context) => (args) => {
    const request = args.request as Request;
    if (request.headers['x-amz-checksum-crc32'] !== undefined) request.headers['x-amz-content-sha256'] = 'UNSIGNED-PAYLOAD';
    // The parameter of this name would make the SDK sum the body a second time.
    if (context.commandName === 'GetObjectCommand') request.headers['x-amz-checksum-mode'] = 'ENABLED';
    return next(args);
  }, { step: 'build', name: 'tributaryHeaders' });

  client.middlewareStack.add((next) => async (args) => {
    const result = await next(args);
    const request = args.request as Request;
    const response = result.response as { readonly statusCode: number; readonly body: IncomingMessage };
    // A server that refuses a body has often not read it: what is left of it would be taken for the next request.
    if (response.statusCode >= 300 && request.body !== undefined) {
      const { socket } = response.body;
      response.body.once('end', () => socket.destroy());
    }
    return result;
  }, { step: 'deserialize', priority: 'low', name: 'tributaryRefusedBody' });
  return client;
}
