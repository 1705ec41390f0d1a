import { Readable } from 'node:stream';
import { HeadBucketCommand, S3Client } from '@aws-sdk/client-s3';
import type { StoreConfig } from '../../contracts/config.ts';
import { endpointConfig } from './client.ts';

const ANY_BUCKET = 'bucket';

/** Where the SDK would send requests: it is asked, and nothing is sent. */
export interface ResolvedEndpoint {
  /** Without a bucket, as `https://s3.eu-central-1.amazonaws.com/`. */
  readonly endpoint: string;
  readonly region: string;
}

interface SentTo { readonly protocol: string; readonly hostname: string; readonly port?: number; readonly path: string }

/** Endpoint and region by all the rules of the SDK: configuration, environment, profile, FIPS and dual-stack settings, partitions. */
export async function resolveEndpoint(config: StoreConfig, useEnvironmentEndpoint: boolean): Promise<ResolvedEndpoint> {
  let endpoint = '';
  const client = new S3Client({
    ...endpointConfig(config, useEnvironmentEndpoint),
    forcePathStyle: true,
    credentials: { accessKeyId: 'nobody', secretAccessKey: 'none' },
    requestHandler: {
      handle: ({ protocol, hostname, port, path }: SentTo) => {
        endpoint = `${protocol}//${hostname}${port === undefined ? '' : `:${port}`}${path.slice(0, path.lastIndexOf(ANY_BUCKET))}`;
        return Promise.resolve({ response: { statusCode: 200, headers: {}, body: Readable.from([]) } });
      },
      updateHttpClientConfig: () => undefined,
      httpHandlerConfigs: () => ({}),
    },
  });
  await client.send(new HeadBucketCommand({ Bucket: ANY_BUCKET }));
  return { endpoint, region: await client.config.region() };
}
