import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { EXIT } from '../../contracts/errors.ts';
import { DEFAULT_STORE } from '../../contracts/location.ts';
import type { Context } from '../context.ts';
import { startDevServers, type DevServers } from '../local/dev-servers.ts';
import { loadWorker, startLocalWorker, type LocalWorker } from '../local/worker.ts';
import { addressesOf, renderDev } from '../render/dev.ts';
import { requirePort } from '../services/ports.ts';
import { ensureBucket, withStores } from '../stores.ts';
import { devStore } from '../where.ts';

export interface DevFlags {
  readonly data?: string;
  readonly ephemeral?: boolean;
  readonly port?: number;
  readonly uiPort?: number;
  readonly s3Port?: number;
  readonly bucket?: readonly string[];
}

/** So that the commands that `dev` suggests work. */
const FIRST_BUCKETS = ['logs', 'merged'];
const PORTS = { temporal: 7233, ui: 8233, s3: 7070 } as const;

/** `tributary dev`: runs until a signal, or until one of its servers ends by itself. @returns the exit code */
export async function dev(context: Context, flags: DevFlags): Promise<number> {
  const { output, environment } = context;
  const interrupt = context.interrupt();
  const data = flags.ephemeral === true ? await mkdtemp(join(tmpdir(), 'tributary-dev-')) : flags.data === undefined ? join(environment.paths.state, 'dev', 'data') : resolve(flags.data);
  let servers: DevServers | undefined;
  let worker: LocalWorker | undefined;
  try {
    servers = await startDevServers({
      environment, data, ephemeral: flags.ephemeral === true, tell: (line) => { output.say(line); }, whileStarting: loadWorker, whenClear: () => requirePorts(flags),
      ports: { temporal: flags.port ?? PORTS.temporal, ui: flags.uiPort ?? PORTS.ui, s3: flags.s3Port ?? PORTS.s3 },
    });
    const { temporal, s3 } = servers;
    const stores = { ...context.config().stores(), [DEFAULT_STORE]: devStore(s3) };
    const connection = { address: temporal.address, namespace: 'default', connection: {} };
    worker = startLocalWorker({ config: context.config(), temporal: connection, stores, ...(output.verbosity > 0 ? {} : { logFile: join(data, 'worker.log') }) });
    await withStores(stores, async (open) => {
      for (const bucket of flags.bucket ?? FIRST_BUCKETS) await ensureBucket(open(DEFAULT_STORE), bucket);
    });
    await Promise.race([worker.ready, worker.failed]);
    const addresses = addressesOf(servers, flags.ephemeral === true ? null : data);
    output.answer(addresses, (style) => renderDev(addresses, style));
    return await untilTheEnd(context, servers, worker, interrupt);
  } finally {
    output.say('stopping');
    await worker?.stop();
    await servers?.stop();
    if (flags.ephemeral === true) await rm(data, { recursive: true, force: true });
  }
}

/** @throws TRB-INVALID-CONFIG */
async function requirePorts({ port, uiPort, s3Port }: DevFlags): Promise<void> {
  for (const [flag, wanted] of [['--port', port], ['--ui-port', uiPort], ['--s3-port', s3Port]] as const) await requirePort(flag, wanted);
}

async function untilTheEnd({ output }: Context, servers: DevServers, worker: LocalWorker, signal: AbortSignal): Promise<number> {
  const interrupted = new Promise<null>((done) => {
    if (signal.aborted) done(null);
    signal.addEventListener('abort', () => { done(null); }, { once: true });
  });
  const ended = await Promise.race([interrupted, worker.failed, servers.ended]);
  if (ended === null) return EXIT.ok;
  output.warn(ended);
  return EXIT.other;
}
