/**
 * The worker's log: one JSON line each, or readable text on a terminal, to stderr or to a file. Temporal's SDK, its native core, workflows
 * and activities all write here. Every line is written before the call returns: what is said last is what matters when a process dies.
 */
import type { Logger, LogLevel, LogMetadata } from '@temporalio/common';
import { LogTimestamp } from '@temporalio/worker';
import { pino, type DestinationStream } from 'pino';
import { prettyFactory } from 'pino-pretty';
import type { Config } from '../contracts/config.ts';
import { isTributaryError } from '../contracts/errors.ts';

export interface LogOptions {
  readonly level: Config['log']['level'];
  readonly format: Config['log']['format'];
  /** A file to append to. Default: stderr. */
  readonly file?: string | undefined;
  /** Whether `auto` means text, and whether text has colours. */
  readonly terminal: { readonly interactive: boolean; readonly color: boolean };
}

/** Attributes of the SDK that say nothing to a reader of the log. */
const NOISE = ['taskToken', 'isLocal', 'namespace', 'spanContexts', 'target'] as const;
const RENAMED: Readonly<Record<string, string>> = { sdkComponent: 'component', activityType: 'activity', runId: 'workflowRunId' };
const CAUSES = 5;

/** An error without the properties that libraries hang on it: those may hold requests with their headers. */
function serializeError(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return error;
  return {
    type: error.name,
    message: error.message,
    ...(isTributaryError(error) ? { code: error.code, context: error.context } : {}),
    ...(depth === 0 ? { stack: error.stack } : {}),
    ...(error.cause !== undefined && depth < CAUSES ? { cause: serializeError(error.cause, depth + 1) } : {}),
  };
}

/** The run that a workflow belongs to: children's ids start with their root's id and the end of its execution's. */
function runOf(workflowId: string): string {
  return /^(.+)\/[0-9a-f]{8}\/(?:page|batch)-/.exec(workflowId)?.[1] ?? workflowId;
}

function fieldsOf(meta: LogMetadata): Record<string, unknown> {
  const fields: Record<string, unknown> = typeof meta['workflowId'] === 'string' ? { run: runOf(meta['workflowId']) } : {};
  for (const [key, value] of Object.entries(meta) as [string, unknown][]) {
    if (value === undefined || (NOISE as readonly string[]).includes(key)) continue;
    fields[RENAMED[key] ?? key] = value instanceof Error ? serializeError(value) : value;
  }
  return fields;
}

/** Milliseconds at which a line was meant: Temporal holds lines back to sort them, and keeps their time in nanoseconds. */
function timeOf(meta: LogMetadata): number {
  const nanos: unknown = meta[LogTimestamp];
  return typeof nanos === 'bigint' ? Number(nanos / 1_000_000n) : Date.now();
}

/** What the SDK tells about itself at each start and stop, and about queues that are not served on purpose, is for those who look for a fault. */
function levelOf(level: LogLevel, message: string, meta: LogMetadata): LogLevel {
  if (meta['sdkComponent'] !== 'worker') return level;
  return level === 'INFO' || message.startsWith('No workflows registered') ? 'DEBUG' : level;
}

/** A Temporal logger that writes with pino. `destination` takes the lines instead of stderr or a file. */
export function createLog(options: LogOptions, destination?: DestinationStream): Logger {
  const text = options.format === 'text' || (options.format === 'auto' && options.terminal.interactive && options.file === undefined);
  const plain = destination ?? pino.destination({ dest: options.file ?? 2, sync: true, mkdir: true });
  const pretty = text ? prettyFactory({ colorize: options.terminal.color && options.file === undefined, translateTime: 'SYS:HH:MM:ss.l', singleLine: true }) : undefined;
  const stream = pretty ? { write: (line: string) => { plain.write(pretty(line)); } } : plain;
  const lines = pino({ level: options.level, base: null, timestamp: false, formatters: { level: (label) => ({ level: label }) } }, stream);
  const log = (level: LogLevel, message: string, meta: LogMetadata = {}): void => {
    lines[levelOf(level, message, meta).toLowerCase() as Lowercase<LogLevel>]({ time: new Date(timeOf(meta)).toISOString(), ...fieldsOf(meta) }, message);
  };
  return {
    log,
    trace: (message, meta) => { log('TRACE', message, meta); },
    debug: (message, meta) => { log('DEBUG', message, meta); },
    info: (message, meta) => { log('INFO', message, meta); },
    warn: (message, meta) => { log('WARN', message, meta); },
    error: (message, meta) => { log('ERROR', message, meta); },
  };
}
