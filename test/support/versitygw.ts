/** A real S3 server for tests: versitygw over a folder that goes away with it, with its request log. */
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureVersitygwBinary } from '../../src/client/services/ensure-program.ts';
import { startProcess, type ManagedProcess } from '../../src/client/services/managed-process.ts';
import { choosePort } from '../../src/client/services/ports.ts';
import { runProgram } from '../../src/client/services/run-program.ts';
import { isS3Healthy } from '../../src/client/services/versitygw.ts';
import { waitUntilHealthy } from '../../src/client/services/wait-until-healthy.ts';
import { storeConfig, type StoreConfig } from '../../src/contracts/config.ts';
import { parseAccessLog, type S3Request } from './access-log.ts';

export interface Account { readonly accessKeyId: string; readonly secretAccessKey: string }

export interface TestServer {
  readonly endpoint: string;
  readonly root: Account;
  /** Each folder in it is a bucket. */
  readonly dataDir: string;
  /** Configuration of a store here, for root unless another account is given. */
  config(overrides?: Partial<StoreConfig> & { readonly account?: Account }): StoreConfig;
  /** Makes an account that may do nothing until a bucket policy lets it. */
  createAccount(account: Account): Promise<void>;
  /** Requests so far, in the order they ended. */
  requests(): Promise<readonly S3Request[]>;
  /** Kills it at once, as a crash would; `start` brings it back on the same port, with its data. */
  kill(): Promise<void>;
  start(): Promise<void>;
  /** Ends it and removes its data. */
  stop(): Promise<void>;
}

const ROOT: Account = { accessKeyId: 'test-root', secretAccessKey: 'test-root-secret' };
const SHARED_MEMORY = '/dev/shm';

/** @param root account of this server; another one makes a second instance with other credentials */
export async function startTestServer(root: Account = ROOT): Promise<TestServer> {
  const binary = await ensureVersitygwBinary();
  // It needs extended attributes, and tests are faster in memory.
  const dir = await mkdtemp(join(existsSync(SHARED_MEMORY) ? SHARED_MEMORY : tmpdir(), 'tributary-s3-'));
  const dataDir = join(dir, 'data');
  const accountsDir = join(dir, 'accounts');
  const accessLog = join(dir, 'access.log');
  await Promise.all([dataDir, accountsDir].map((folder) => mkdir(folder)));
  const port = await choosePort();
  const endpoint = `http://127.0.0.1:${port}`;
  let server: ManagedProcess | undefined;

  const start = async (): Promise<void> => {
    server = startProcess({
      file: binary,
      logFile: join(dir, 'server.log'),
      env: { ROOT_ACCESS_KEY: root.accessKeyId, ROOT_SECRET_KEY: root.secretAccessKey },
      args: ['--port', `127.0.0.1:${port}`, '--health', '/health', '--quiet', '--keep-alive', '--iam-dir', accountsDir, '--access-log', accessLog, 'posix', dataDir],
    });
    await waitUntilHealthy(server, () => isS3Healthy(endpoint), (why) => new Error(`the S3 server of the test did not start: ${why}`));
  };
  await start();

  return {
    endpoint, root, dataDir, start,
    config: ({ account = root, ...overrides } = {}) => ({
      ...storeConfig.parse({ endpoint, region: 'us-east-1', adapter: 'sdk' }), credentials: { ...account }, ...overrides,
    }),
    createAccount: async ({ accessKeyId, secretAccessKey }) => {
      const made = await runProgram(binary, [
        'admin', '--access', root.accessKeyId, '--secret', root.secretAccessKey, '--endpoint-url', endpoint,
        'create-user', '--access', accessKeyId, '--secret', secretAccessKey, '--role', 'user',
      ], { timeoutMs: 20_000 });
      if (made.code !== 0) throw new Error(`the account ${accessKeyId} could not be made: ${made.output}`);
    },
    requests: async () => parseAccessLog(await readFile(accessLog, 'utf8')),
    kill: async () => server?.stop(0),
    stop: async () => {
      await server?.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
