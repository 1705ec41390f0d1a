import { mkdir } from 'node:fs/promises';
import { readEnvironment } from '../../config/environment.ts';
import { TributaryError } from '../../contracts/errors.ts';
import { startProcess } from './managed-process.ts';
import { choosePort } from './ports.ts';
import { waitUntilHealthy } from './wait-until-healthy.ts';

export interface StartVersitygwOptions {
  /** From `ensureVersitygwBinary`. */
  readonly binary: string;
  /** Each folder in it is a bucket. Made where it is missing. */
  readonly directory: string;
  readonly logFile: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Taken where it is free, else another is. Absent: any. */
  readonly port?: number;
  /** A request log is written here. */
  readonly accessLog?: string;
  /** Old versions of objects are kept here; absent: no versioning. */
  readonly versionsDirectory?: string;
  /** Told as soon as there is a process, before it serves anybody. */
  readonly onSpawn?: () => void;
}

export interface S3Server {
  readonly endpoint: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly pid: number;
  /** Resolves when it has ended, with how. */
  readonly exited: Promise<string>;
  stop(graceMs?: number): Promise<void>;
}

const REGION = 'us-east-1';

/**
 * Starts versitygw over a folder on 127.0.0.1; resolves when it answers. It outlives this process unless it is stopped.
 * Where the file system keeps no extended attributes, metadata goes to `<directory>.meta`.
 * @throws TRB-STORE-UNREACHABLE with what the server said, where it does not come up
 */
export async function startVersitygw(options: StartVersitygwOptions): Promise<S3Server> {
  await mkdir(options.directory, { recursive: true });
  try {
    return await start(options, []);
  } catch (error) {
    if (!(error instanceof TributaryError) || !error.message.includes('xattr')) throw error;
    const sidecar = `${options.directory}.meta`;
    await mkdir(sidecar, { recursive: true });
    return start(options, ['--sidecar', sidecar]);
  }
}

async function start(options: StartVersitygwOptions, metadata: readonly string[]): Promise<S3Server> {
  const port = await choosePort(options.port);
  const endpoint = `http://127.0.0.1:${port}`;
  if (options.versionsDirectory !== undefined) await mkdir(options.versionsDirectory, { recursive: true });
  const server = startProcess({
    file: options.binary,
    logFile: options.logFile,
    env: { ...readEnvironment().variables, ROOT_ACCESS_KEY: options.accessKeyId, ROOT_SECRET_KEY: options.secretAccessKey },
    args: [
      '--region', REGION, '--port', `127.0.0.1:${port}`, '--health', '/health', '--quiet', '--keep-alive',
      ...(options.accessLog === undefined ? [] : ['--access-log', options.accessLog]),
      'posix', ...metadata, ...(options.versionsDirectory === undefined ? [] : ['--versioning-dir', options.versionsDirectory]), options.directory,
    ],
  });
  options.onSpawn?.();
  await waitUntilHealthy(server, async () => isS3Healthy(endpoint), (why) =>
    new TributaryError('TRB-STORE-UNREACHABLE', `the S3 server did not start at ${endpoint}: ${why}`));
  return {
    endpoint, region: REGION, accessKeyId: options.accessKeyId, secretAccessKey: options.secretAccessKey,
    pid: server.pid, exited: server.exited, stop: (graceMs) => server.stop(graceMs),
  };
}

/** Whether a versitygw that we started answers at this endpoint. */
export async function isS3Healthy(endpoint: string): Promise<boolean> {
  try {
    const response = await fetch(`${endpoint}/health`, { signal: AbortSignal.timeout(1_000) });
    await response.body?.cancel();
    return response.ok;
  } catch {
    // Whatever the reason is: the answer is no.
    return false;
  }
}
