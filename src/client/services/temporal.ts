import { Connection } from '@temporalio/client';
import { readEnvironment } from '../../config/environment.ts';
import { TributaryError } from '../../contracts/errors.ts';
import { SEARCH_ATTRIBUTES } from '../../contracts/names.ts';
import { startProcess, type ManagedProcess } from './managed-process.ts';
import { choosePort, isListening } from './ports.ts';
import { waitUntilHealthy } from './wait-until-healthy.ts';

/**
 * Arguments that have the server do each step at once. It has one shard, whose queues it looks at 20 times a second by default: so each step
 * of a run would wait for 50 ms, and all runs together could take 20 steps a second. And it deals each task queue out to four partitions:
 * what lies in one that no worker is asking waits for seconds, where a worker has room for fewer calls than that (decision 17). And it believes
 * for a minute in the connection of a worker that is frozen, to which it hands the retry of what that worker did: 65 s instead of 33.
 */
export const PROMPT = [
  'history.transferProcessorMaxPollRPS=1000', 'history.timerProcessorMaxPollRPS=1000', 'matching.numTaskqueueReadPartitions=1', 'matching.numTaskqueueWritePartitions=1',
  'frontend.keepAliveTime="10s"', 'frontend.keepAliveTimeout="10s"',
].flatMap((value) => ['--dynamic-config-value', value]);

export interface StartTemporalOptions {
  /** From `ensureTemporalBinary`. */
  readonly binary: string;
  /** SQLite file, made where it is missing. Absent: all is kept in memory and ends with the server. */
  readonly databaseFile?: string;
  readonly logFile: string;
  /** Taken where they are free, else others are. Absent: any. */
  readonly port?: number;
  readonly uiPort?: number;
  /** Told as soon as there is a process, before it serves anybody. */
  readonly onSpawn?: (server: ServerFacts) => Promise<void> | void;
}

export interface ServerFacts {
  readonly address: string;
  readonly uiUrl: string;
  readonly pid: number;
}

export interface TemporalServer extends ServerFacts {
  /** Resolves when it has ended, with how. */
  readonly exited: Promise<string>;
  stop(graceMs?: number): Promise<void>;
}

/**
 * Starts the Temporal development server on 127.0.0.1 with our search attributes; resolves when it serves its namespace.
 * It outlives this process unless it is stopped.
 * @throws TRB-TEMPORAL-UNREACHABLE with what the server said, where it does not come up
 */
export async function startTemporal(options: StartTemporalOptions): Promise<TemporalServer> {
  const port = await choosePort(options.port);
  const uiPort = await choosePort(options.uiPort, [port]);
  const address = `127.0.0.1:${port}`;
  const database = options.databaseFile === undefined ? [] : ['--db-filename', options.databaseFile];
  const server = startProcess({
    file: options.binary,
    logFile: options.logFile,
    // It collects garbage half as often, for 30 MB more: a run of many steps takes 0.1 s of CPU less.
    env: { GOGC: '200', ...readEnvironment().variables },
    args: [
      'server', 'start-dev', '--ip', '127.0.0.1', '--port', String(port), '--ui-port', String(uiPort), '--log-level', 'error', ...database,
      // Three times as fast as SQLite's defaults, and still safe against the death of the server's process.
      '--sqlite-pragma', 'journal_mode=wal', '--sqlite-pragma', 'synchronous=normal', ...PROMPT,
      ...Object.values(SEARCH_ATTRIBUTES).flatMap((name) => ['--search-attribute', `${name}=Keyword`]),
    ],
  });
  const facts = { address, uiUrl: `http://127.0.0.1:${uiPort}`, pid: server.pid };
  await options.onSpawn?.(facts);
  await healthyOrGone(server, address);
  return { ...facts, exited: server.exited, stop: (graceMs) => server.stop(graceMs) };
}

async function healthyOrGone(server: ManagedProcess, address: string): Promise<void> {
  await waitUntilHealthy(server, async () => isTemporalHealthy(address), (why) =>
    new TributaryError('TRB-TEMPORAL-UNREACHABLE', `the Temporal server did not start at ${address}: ${why}`));
}

/**
 * How long a server has to answer. A machine that is busy is no reason to give a call up: that itself can leave a server stuck for good
 * (`createStuckDetector`).
 */
const ANSWER_TIMEOUT_MS = 10_000;

/** Whether a Temporal server answers at this address and serves the namespace. Takes at most about 10 s, and none where nobody listens. */
export async function isTemporalHealthy(address: string, namespace = 'default'): Promise<boolean> {
  // gRPC waits a second before it tries a refused connection again.
  if (!await isListening(address)) return false;
  let connection: Connection | undefined;
  try {
    const deadlineMs = Date.now() + ANSWER_TIMEOUT_MS;
    connection = await Connection.connect({ address, connectTimeout: ANSWER_TIMEOUT_MS });
    const { workflowService } = connection;
    await connection.withDeadline(deadlineMs, () => workflowService.describeNamespace({ namespace }));
    return true;
  } catch {
    // Whatever the reason is: the answer is no.
    return false;
  } finally {
    await connection?.close();
  }
}

const LOOKS_BETWEEN = 5;
const UNANSWERED_LIMIT = 2;

/**
 * Tells a server that will never answer again from one that is busy: the function that it returns is asked about once a second, looks at the
 * server every fifth time, and answers true where it was silent twice in a row, 10 s each.
 *
 * Servers up to at least 1.29.1 (CLI 1.5.1) get there by themselves: their SQLite driver (modernc.org/sqlite 1.34.1) can leave a query open
 * whose call is given up at the wrong moment, and answers each later one "interrupted (9)", on the one connection that there is. Measured: 600
 * calls that were given up within 20 ms were enough; decision 29.
 */
export function createStuckDetector(): (address: string) => Promise<boolean> {
  let looks = 0;
  let unanswered = 0;
  return async (address) => {
    looks += 1;
    if (looks % LOOKS_BETWEEN !== 0) return false;
    unanswered = await isTemporalHealthy(address) ? 0 : unanswered + 1;
    return unanswered >= UNANSWERED_LIMIT;
  };
}
