/**
 * Temporal's native runtime: one a process, made before the first connection. It owns the metrics exporter and brings core's
 * own lines into our log. Who comes second shares what the first installed. The SDK shuts it down with the last connection, and makes
 * it again, with the same options, for the next: so nobody keeps a reference to it.
 */
import type { Logger, LogLevel } from '@temporalio/common';
import { Runtime } from '@temporalio/worker';
import type { Config } from '../contracts/config.ts';
import { TributaryError } from '../contracts/errors.ts';

/** Core is talkative: it is asked for one level less than the rest. */
const CORE_LEVEL: Readonly<Record<Config['log']['level'], LogLevel>> = { trace: 'DEBUG', debug: 'INFO', info: 'WARN', warn: 'WARN', error: 'ERROR' };

let installed = false;

/**
 * Names follow Temporal's documentation (`_total`, `_seconds`), so that its dashboards and alerts can be used.
 * @throws TRB-INVALID-CONFIG where the metrics port cannot be bound
 */
export function installRuntime(log: Logger, config: Pick<Config, 'log' | 'metrics'>): void {
  if (installed) return;
  const { host, port } = config.metrics;
  const bindAddress = `${host.includes(':') ? `[${host}]` : host}:${port ?? 0}`;
  try {
    Runtime.install({
      logger: log,
      // Who runs the worker decides about signals: see process.ts.
      shutdownSignals: [],
      telemetryOptions: {
        logging: { filter: { core: CORE_LEVEL[config.log.level], other: 'ERROR' }, forward: {} },
        ...(port === undefined ? {} : { metrics: { prometheus: { bindAddress, countersTotalSuffix: true, unitSuffix: true, useSecondsForDurations: true } } }),
      },
    });
    installed = true;
  } catch (error) {
    throw new TributaryError('TRB-INVALID-CONFIG', `the metrics cannot be served at ${bindAddress}: ${(error as Error).message}`, { port: port ?? 0 }, { cause: error });
  }
}
