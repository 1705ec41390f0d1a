/** Where `tributary dev` can be reached. Pure. */
import type { Style } from '../output.ts';
import { columns } from './table.ts';

export interface DevAddresses {
  readonly schema: 'tributary.dev/1';
  readonly temporal: { readonly address: string; readonly namespace: string; readonly ui: string };
  readonly s3: { readonly endpoint: string; readonly region: string; readonly accessKeyId: string; readonly secretAccessKey: string };
  /** Null where nothing is kept. */
  readonly data: string | null;
  /** Variables for other programs. */
  readonly env: Readonly<Record<string, string>>;
}

interface Servers {
  readonly temporal: { readonly address: string; readonly uiUrl: string };
  readonly s3: DevAddresses['s3'];
}

export function addressesOf({ temporal, s3 }: Servers, data: string | null): DevAddresses {
  const { endpoint, region, accessKeyId, secretAccessKey } = s3;
  return {
    schema: 'tributary.dev/1',
    temporal: { address: temporal.address, namespace: 'default', ui: temporal.uiUrl },
    s3: { endpoint, region, accessKeyId, secretAccessKey },
    data,
    env: {
      AWS_ENDPOINT_URL_S3: endpoint, AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_REGION: region,
      TEMPORAL_ADDRESS: temporal.address, TEMPORAL_NAMESPACE: 'default',
    },
  };
}

export function renderDev({ temporal, s3, data, env }: DevAddresses, style: Style): string {
  return [
    ...columns([
      ['Temporal', temporal.address],
      ['Web UI', temporal.ui],
      ['S3', s3.endpoint],
      ['Data', data ?? 'not kept'],
    ]),
    '',
    style.dim('# for other programs, as aws or temporal; tributary finds these servers by itself'),
    ...Object.entries(env).map(([name, value]) => `export ${name}=${value}`),
    '',
    `Try, in another shell:  ${style.bold('tributary generate s3://logs/')}  and  ${style.bold('tributary merge s3://logs/ s3://merged/')}`,
    'Ctrl-C stops it all.',
  ].join('\n');
}
