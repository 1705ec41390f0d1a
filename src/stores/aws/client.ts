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
import { createCredentials } from './credentials.ts';

/** More than any run has in flight: waiting is the business of the limits, not of the socket pool. */
const MAX_SOCKETS = 1024;
const CONNECT_TIMEOUT_MS = 5_000;
/** No byte either way for this long: the connection is dead. Completing a large upload is silent for many seconds per GiB. */
const IDLE_TIMEOUT_MS = 60_000;
const COMPLETE_IDLE_TIMEOUT_MS = 900_000;
const DEFAULT_REGION = 'us-east-1';

export interface AwsClients {
  readonly s3: S3Client;
  /** For CompleteMultipartUpload: the same connections, more patience. */
  readonly patient: S3Client;
  readonly close: () => void;
}

export function createClients(config: StoreConfig, options: { readonly useEnvironmentEndpoint: boolean }): AwsClients {
  const httpAgent = new HttpAgent({ keepAlive: true, maxSockets: MAX_SOCKETS, scheduling: 'lifo' });
  const httpsAgent = new HttpsAgent({ keepAlive: true, maxSockets: MAX_SOCKETS, scheduling: 'lifo' });
  const shared = sharedConfig(config, options.useEnvironmentEndpoint);
  const client = (socketTimeout: number): S3Client => withHabits(new S3Client({
    ...shared,
    requestHandler: new NodeHttpHandler({ httpAgent, httpsAgent, connectionTimeout: CONNECT_TIMEOUT_MS, socketTimeout }),
  }));
  const s3 = client(IDLE_TIMEOUT_MS);
  const patient = client(COMPLETE_IDLE_TIMEOUT_MS);
  return {
    s3, patient,
    close: () => {
      s3.destroy();
      patient.destroy();
    },
  };
}

function sharedConfig(config: StoreConfig, useEnvironmentEndpoint: boolean): S3ClientConfig & { ignoreConfiguredEndpointUrls?: boolean } {
  const profile = config.credentials && 'profile' in config.credentials ? config.credentials.profile : undefined;
  return {
    region: regionOf(config, profile),
    credentials: createCredentials(config),
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
export function regionOf(config: StoreConfig, profile?: string): string | (() => Promise<string>) {
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
