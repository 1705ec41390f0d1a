/**
 * The process of `tributary worker`: log, signals, exit code.
 *
 * SIGTERM and SIGINT stop the worker, which hands its calls over; the same signal again ends the process at once. It always
 * ends: native handles that keep an abandoned call alive do not keep the process.
 * Memory: the budget lies outside the heap of V8. Give a container the budget + 200 MiB, and `NODE_OPTIONS=--max-old-space-size=160`
 * where that is tight.
 */
import { constants } from 'node:os';
import type { Logger } from '@temporalio/common';
import type { ResolvedConfig } from '../config/load.ts';
import { ERRORS, EXIT, isTributaryError } from '../contracts/errors.ts';
import { createLog } from './log.ts';
import { startWorker } from './worker.ts';

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;
/** Beyond the grace of the calls: for what is left to be closed. */
const CLOSING_MS = 3000;
/** For the last lines of Temporal's log, which come 100 ms late. */
const LINGER_MS = 300;

/** @param file where the log goes instead of stderr */
export function createWorkerLog({ values, environment }: ResolvedConfig, file?: string): Logger {
  const interactive = process.stderr.isTTY && !environment.terminal.dumb;
  const color = environment.terminal.forceColor || (interactive && !environment.terminal.noColor);
  return createLog({ level: values.log.level, format: values.log.format, file, terminal: { interactive, color } });
}

/** Ends the process `afterMs` from now unless it has ended by itself. */
function endProcess(exitCode: number, afterMs: number): void {
  setTimeout(() => process.exit(exitCode), afterMs).unref();
}

/**
 * Runs a worker until a signal stops it.
 * @returns the exit code: 0 after an orderly stop; the process ends soon afterwards, whatever still hangs
 */
export async function runWorkerProcess(config: ResolvedConfig): Promise<number> {
  const log = createWorkerLog(config);
  const stopping = new AbortController();
  let exitCode: number = EXIT.ok;
  const onSignal = (signal: (typeof SIGNALS)[number]): void => {
    if (stopping.signal.aborted) process.exit(128 + constants.signals[signal]);
    log.info(`${signal}: stopping`, { graceMs: config.values.worker.shutdownGrace });
    stopping.abort(new Error(signal));
    endProcess(EXIT.other, config.values.worker.shutdownGrace + CLOSING_MS);
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  try {
    const worker = await startWorker({ config, log, signal: stopping.signal });
    stopping.signal.addEventListener('abort', () => { worker.stop().catch(() => undefined); });
    await worker.stopped;
    log.info('worker has stopped');
  } catch (error) {
    // A start that a signal ended is an orderly stop too.
    if (!stopping.signal.aborted || error !== stopping.signal.reason) {
      exitCode = isTributaryError(error) ? ERRORS[error.code].exitCode : EXIT.other;
      const message = error instanceof Error ? error.message : String(error);
      log.error(isTributaryError(error) ? `${message} ${ERRORS[error.code].remedy}` : `the worker failed: ${message}`, { error });
    }
  } finally {
    for (const signal of SIGNALS) process.off(signal, onSignal);
  }
  endProcess(exitCode, LINGER_MS);
  return exitCode;
}
