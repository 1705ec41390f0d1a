/**
 * The worker's configuration: `tributary.yaml`, each key overridable by the environment and by flags. Stores are configured
 * here and nowhere else: a run's input can name a store, never an endpoint or a credential.
 */
import { z } from 'zod';
import { sizeBytes } from './limits.ts';
import { storeName } from './location.ts';
import { durationMs } from './merge.ts';

/** Lifts a limit or switches a port off, also one that a lower layer has set. */
const off = z.literal('off').transform(() => undefined);

/** Where a secret is kept: in a variable of the worker's environment, or in a file. Never the secret itself, and no message repeats the text. */
const reference = z.string().regex(/^(?:env:[A-Za-z_][A-Za-z0-9_]*|file:\/.+)$/, 'must be a reference, env:NAME or file:/path; secrets are not written into the configuration');

/** Where a store's credentials come from. Once the references are resolved, the keys stand in their place. */
const credentials = z.union([
  z.strictObject({ profile: z.string().min(1) }),
  z.strictObject({ accessKeyId: reference, secretAccessKey: reference, sessionToken: reference.optional() })
    .meta({ description: 'References: env:NAME or file:/path.' }),
  z.strictObject({ roleArn: z.string().min(1), externalId: z.string().optional(), durationSeconds: z.int().min(900).optional(), profile: z.string().optional() }),
]);

export const storeConfig = z.strictObject({
  endpoint: z.url({ protocol: /^https?$/, error: 'must be an http:// or https:// URL' })
    .refine((text) => !text.includes('@'), 'must not hold credentials; give them under credentials').optional().meta({ description: 'Endpoint of an S3-compatible service. Default: AWS.' }),
  region: z.string().min(1).optional().meta({ description: 'Region. Default: that of the AWS environment and profile, else us-east-1.' }),
  pathStyle: z.boolean().optional().meta({ description: 'Bucket in the path instead of the host name. Default: true where an endpoint is set.' }),
  credentials: credentials.optional().meta({ description: 'Default: the AWS SDK chain (environment, profile, web identity, container, instance).' }),
  adapter: z.enum(['auto', 'sdk', 'socket']).default('auto').meta({ description: 'Who serves the hot requests: our lean socket client or the AWS SDK. "auto" takes the socket client where it can.' }),
  createOnce: z.enum(['probe', 'yes', 'no']).default('probe').meta({ description: 'Whether the store honours If-None-Match: *. "probe" tries it at the start of each run.' }),
  requestsPerSecond: z.union([off, z.number().min(1)]).optional().meta({ description: 'Upper bound of requests a second of this worker to this store.' }),
});
export type StoreConfig = z.output<typeof storeConfig>;

const port = z.union([off, z.int().min(1).max(65535)]);

export const configSchema = z.strictObject({
  stores: z.record(storeName, storeConfig).default({}),
  memory: z.strictObject({
    budget: sizeBytes.refine((n) => n >= 64 * 2 ** 20 && n <= 3.5 * 2 ** 30, 'must be between 64MiB and 3584MiB').prefault('256MiB')
      .meta({ description: 'Bytes of sources and parts that the worker holds at most.' }),
  }).prefault({}),
  worker: z.strictObject({
    queues: z.array(z.enum(['control', 'data'])).min(1).default(['control', 'data']).meta({ description: 'Task queues that the worker serves.' }),
    dataSlots: z.int().min(1).max(256).optional().meta({ description: 'Calls of mergeChunks at the same time. Default: as many as the memory budget holds.' }),
    controlSlots: z.int().min(1).max(256).default(16).meta({ description: 'Calls of control activities at the same time.' }),
    shutdownGrace: durationMs.refine((ms) => ms >= 1000, 'must be at least 1s').prefault('8s')
      .meta({ description: 'How long a stopping worker waits for its calls to hand over. Keep it below the grace period of what sends SIGTERM (docker stop: 10s).' }),
    heartbeatTimeout: durationMs.refine((ms) => ms >= 5000 && ms <= 600_000, 'must be between 5s and 10m').prefault('30s')
      .meta({ description: 'How long a silent call is waited for before another worker takes it over. Shorter is faster, and costs the server more writes.' }),
  }).prefault({}),
  metrics: z.strictObject({ host: z.string().default('127.0.0.1'), port: port.optional().meta({ description: 'Port of Prometheus /metrics. Default: off.' }) }).prefault({}),
  health: z.strictObject({ host: z.string().default('127.0.0.1'), port: port.optional().meta({ description: 'Port of /livez, /readyz and /status. Default: off.' }) }).prefault({}),
  log: z.strictObject({ level: z.enum(['trace', 'debug', 'info', 'warn', 'error']).default('info'), format: z.enum(['auto', 'json', 'text']).default('auto') }).prefault({}),
  temporal: z.strictObject({
    address: z.string().optional(), namespace: z.string().optional(), profile: z.string().optional(),
  }).prefault({}).meta({ description: 'As the temporal CLI: flags, TEMPORAL_* variables and temporal.toml win over this.' }),
});
export type Config = z.output<typeof configSchema>;
