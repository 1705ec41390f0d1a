/** The worker inside a command of local mode. Its code (native core, S3 client, bundled workflows) is loaded here and only when it is needed. */
import type { StoreConfig } from '../../contracts/config.ts';
import type { ResolvedConfig } from '../../config/load.ts';
import type { TemporalSettings } from '../../config/temporal.ts';

export interface LocalWorkerOptions {
  readonly config: ResolvedConfig;
  readonly temporal: TemporalSettings;
  /** With secrets in place of references. */
  readonly stores: Readonly<Record<string, StoreConfig>>;
  /** Its log goes here. Absent: to stderr. */
  readonly logFile?: string;
  /** Default: as configured. */
  readonly queues?: ResolvedConfig['values']['worker']['queues'];
}

export interface LocalWorker {
  /** Resolves when it serves its queues. */
  readonly ready: Promise<void>;
  /** Rejects where it cannot start, or fails later; never resolves. */
  readonly failed: Promise<never>;
  /** Running calls hand over first. */
  stop(): Promise<void>;
}

/** Loads the code of the worker ahead of its start, while there is something else to wait for. Where that fails, the start says so. */
export function loadWorker(): void {
  import('../../workers/index.ts').catch(() => undefined);
}

/** Starts a worker in the background. */
export function startLocalWorker({ config, temporal, stores, logFile, queues = config.values.worker.queues }: LocalWorkerOptions): LocalWorker {
  const abort = new AbortController();
  const values = { ...config.values, worker: { ...config.values.worker, queues } };
  const started = (async () => {
    const { startWorker, createWorkerLog } = await import('../../workers/index.ts');
    return startWorker({ config: { ...config, values, stores: () => stores }, temporal, log: createWorkerLog(config, logFile), signal: abort.signal });
  })();
  const ready = started.then(() => undefined);
  const failed = (async (): Promise<never> => {
    try {
      await (await started).stopped;
    } catch (error) {
      if (!abort.signal.aborted) throw error;
    }
    return new Promise<never>(() => undefined);
  })();
  // Whoever does not look at it is not ended by it.
  failed.catch(() => undefined);
  ready.catch(() => undefined);
  return {
    ready, failed,
    stop: async () => {
      abort.abort(new Error('stopping'));
      const worker = await started.catch(() => undefined);
      await worker?.stop().catch(() => undefined);
    },
  };
}
