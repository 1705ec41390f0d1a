/**
 * A command's use of a Temporal server: connects to it, and in local mode starts the server and a worker where they are missing.
 * It owns what it started; `close` stops exactly that.
 */
import { EXIT, TributaryError } from '../contracts/errors.ts';
import type { Context } from './context.ts';
import { connectClient, type Connected } from './connect.ts';
import type { EmbeddedServer } from './local/embedded.ts';
import { startLocalWorker, type LocalWorker } from './local/worker.ts';
import { Runs } from './runs.ts';
import { findWhere, storesOf, type Where } from './where.ts';

export interface Session {
  readonly runs: Runs;
  readonly where: Where;
  /** Page of a run in the Web UI, where we know of one. */
  page(run: string): string | undefined;
  /** Whether a run goes on when this command has ended. */
  readonly outlivesUs: boolean;
  /** Whether nobody but this command serves runs: local mode, and no other command uses its server. */
  readonly alone: boolean;
  /** Rejects where the worker in this process fails, or the embedded server for good; never resolves. */
  readonly workerFailed: Promise<never>;
  close(): Promise<void>;
}

export interface SessionOptions {
  /**
   * What a worker has to do for this command. In local mode this process is the worker: for `all` of it, or only for what
   * answers and decides (`control`), and that only where no other command works on the runs.
   */
  readonly worker: 'all' | 'control' | 'none';
  /** Whether the run is to go on when the command has ended: refused in local mode, before anything is started. */
  readonly detach?: boolean;
  /** Whether the command looks at `interrupt` itself. Else Ctrl-C closes the session and ends the process. */
  readonly handlesInterrupt?: boolean;
}

/** @throws TRB-TEMPORAL-UNREACHABLE, TRB-ACCESS-DENIED, TRB-INVALID-CONFIG, TRB-INVALID-INPUT */
export async function openSession(context: Context, options: SessionOptions): Promise<Session> {
  const where = await findWhere(context.config());
  if (where.kind === 'embedded' && options.detach === true) {
    throw new TributaryError('TRB-INVALID-INPUT', '--detach needs a server that goes on without this command: name one with --address or TEMPORAL_ADDRESS, or start `tributary dev`');
  }
  return where.kind === 'embedded' ? openEmbedded(context, where, options) : openServed(context, where);
}

const never = new Promise<never>(() => undefined);

async function openServed(context: Context, where: Exclude<Where, { kind: 'embedded' }>): Promise<Session> {
  const connected = await connectClient(where.temporal, context.environment);
  const ui = where.kind === 'dev' ? where.dev.temporal.uiUrl : undefined;
  if (where.kind === 'dev') {
    const { dev } = where;
    context.output.detail(`using tributary dev: Temporal ${dev.temporal.address}, S3 ${dev.s3.endpoint}`);
  }
  return { runs: new Runs(connected), where, page: pageIn(ui, connected), outlivesUs: true, alone: false, workerFailed: never, close: () => connected.close() };
}

async function openEmbedded(context: Context, where: Extract<Where, { kind: 'embedded' }>, { worker: needed, handlesInterrupt = false }: SessionOptions): Promise<Session> {
  const { output, environment } = context;
  // From before the server is started: whoever starts one must come to the point where it is stopped.
  const interrupt = context.interrupt();
  const { joinEmbedded } = await import('./local/embedded.ts');
  const server = await joinEmbedded(where.directory, environment, (line) => { output.say(line); });
  let connected: Connected | undefined;
  let worker: LocalWorker | undefined;
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => closing ??= (async () => {
    try {
      await worker?.stop();
      await connected?.close();
    } finally {
      await server.leave();
    }
  })();
  // A command that has come to its end is left to it.
  const leaveNow = (): void => { if (closing === undefined) void close().finally(() => process.exit(process.exitCode ?? EXIT.detached)); };
  if (!handlesInterrupt) interrupt.addEventListener('abort', leaveNow, { once: true });
  try {
    const temporal = { address: server.address, namespace: 'default', connection: {} };
    if (needed === 'all' || (needed === 'control' && !server.shared)) {
      const config = context.config();
      worker = startLocalWorker({ config, temporal, stores: storesOf(config, where), logFile: server.logFile, ...(needed === 'control' ? { queues: ['control'] } : {}) });
    }
    if (needed === 'all') output.say(serverLine(server));
    connected = await connectClient(temporal, environment);
    return {
      runs: new Runs(connected), where, page: pageIn(server.uiUrl, connected), outlivesUs: false, alone: !server.shared,
      workerFailed: Promise.race([worker?.failed ?? never, server.failed]), close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function serverLine({ address, uiUrl, shared }: EmbeddedServer): string {
  return `local mode: ${shared ? 'sharing the' : 'embedded'} Temporal server at ${address}, Web UI ${uiUrl}`;
}

function pageIn(uiUrl: string | undefined, { namespace }: Connected): Session['page'] {
  return (run) => (uiUrl === undefined ? undefined : `${uiUrl}/namespaces/${encodeURIComponent(namespace)}/workflows/${encodeURIComponent(run)}`);
}
