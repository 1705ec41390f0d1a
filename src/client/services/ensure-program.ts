/**
 * Finds a local server's program, in this order: the path in its environment variable, PATH, our cache, the release download,
 * a build from the modules pinned in `tools/`.
 *
 * Invariants: a file in the cache under its versioned name is whole and has answered `--version`; what is downloaded or built
 * is written under another name and renamed. A variable that names no working program is an error, never a reason to look on.
 */
import { randomBytes } from 'node:crypto';
import { access, chmod, constants, mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readEnvironment, type Environment } from '../../config/environment.ts';
import { TributaryError } from '../../contracts/errors.ts';
import { downloadProgram } from './download.ts';
import { TEMPORAL, VERSITYGW, type Program } from './programs.ts';
import { runProgram } from './run-program.ts';

export interface EnsureOptions {
  /** What a slow step is doing, a line each. */
  readonly onProgress?: (line: string) => void;
  readonly environment?: Environment;
}

/** Path of a working `temporal` program. @throws TRB-INVALID-CONFIG, with what to do, where none can be had */
export async function ensureTemporalBinary(options: EnsureOptions = {}): Promise<string> {
  return ensureProgram(TEMPORAL, options);
}

/** Path of a working `versitygw` program. @throws TRB-INVALID-CONFIG, with what to do, where none can be had */
export async function ensureVersitygwBinary(options: EnsureOptions = {}): Promise<string> {
  return ensureProgram(VERSITYGW, options);
}

const BUILD_NEWS_MS = 30_000;
const VERSION_TIMEOUT_MS = 20_000;

async function ensureProgram(program: Program, options: EnsureOptions): Promise<string> {
  const environment = options.environment ?? readEnvironment();
  const tell = options.onProgress ?? ((): void => undefined);
  const named = program.name === 'temporal' ? environment.paths.temporalBin : environment.paths.versitygwBin;
  if (named !== undefined) {
    if (await works(named)) return named;
    throw new TributaryError('TRB-INVALID-CONFIG', `${program.variable} names "${named}", which is no working ${program.name} program`);
  }
  const found = await onPath(program.name, environment);
  if (found !== undefined && await works(found)) return found;
  const cached = join(environment.paths.cache, 'bin', program.cachedAs);
  if (await executable(cached)) return cached;

  await mkdir(dirname(cached), { recursive: true });
  const failures: string[] = [];
  for (const obtain of [download, build]) {
    const failure = await obtain(program, cached, tell, environment);
    if (failure === undefined) return cached;
    failures.push(failure);
    tell(failure);
  }
  throw new TributaryError('TRB-INVALID-CONFIG',
    `${program.title} (${program.name} ${program.version}) is not here: ${failures.join('; ')}. Put ${program.name} on PATH, set ${program.variable} to its path, or install Go`);
}

/** @returns why it could not be had, or undefined where it is in place */
type Obtain = (program: Program, destination: string, tell: (line: string) => void, environment: Environment) => Promise<string | undefined>;

const download: Obtain = async (program, destination, tell) => {
  const url = program.releaseUrl(process.platform, process.arch);
  if (url === undefined) return `there is no release for ${process.platform} ${process.arch}`;
  tell(`downloading ${program.title} (${program.name} ${program.version})`);
  const fresh = temporaryName(destination);
  try {
    await downloadProgram({
      url, member: program.name, destination: fresh,
      onBytes: (received, total) => {
        const mebibytes = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MiB`;
        tell(`downloading ${program.title}: ${mebibytes(received)}${total === undefined ? '' : ` of ${mebibytes(total)}`}`);
      },
    });
    return await putInPlace(fresh, destination);
  } catch (error) {
    return `the download failed (${(error as Error).message})`;
  } finally {
    await rm(fresh, { force: true });
  }
};

const build: Obtain = async (program, destination, tell, environment) => {
  const go = await onPath('go', environment);
  if (go === undefined) return 'Go is not installed';
  const startedMs = Date.now();
  tell(`building ${program.title} from source (${program.name} ${program.version}), ${program.buildTime}`);
  const news = setInterval(() => {
    tell(`still building ${program.title}, ${Math.round((Date.now() - startedMs) / 1000)} s so far`);
  }, BUILD_NEWS_MS);
  const fresh = temporaryName(destination);
  try {
    const built = await runProgram(go, ['build', '-trimpath', '-ldflags', program.goLinkFlags, '-o', fresh, program.goPackage], {
      cwd: fileURLToPath(new URL(`../../../tools/${program.name}/`, import.meta.url)),
      env: { ...environment.variables, CGO_ENABLED: '0' },
    });
    if (built.code !== 0) return `the build failed (${built.output.trim().split('\n').slice(-3).join(' ')})`;
    return await putInPlace(fresh, destination);
  } finally {
    clearInterval(news);
    await rm(fresh, { force: true });
  }
};

const temporaryName = (destination: string): string => `${destination}.${randomBytes(4).toString('hex')}.tmp`;

async function putInPlace(fresh: string, destination: string): Promise<string | undefined> {
  await chmod(fresh, 0o755);
  if (!await works(fresh)) return 'the program that came does not run here';
  await rename(fresh, destination);
  return undefined;
}

async function works(file: string): Promise<boolean> {
  return (await runProgram(file, ['--version'], { timeoutMs: VERSION_TIMEOUT_MS })).code === 0;
}

async function executable(file: string): Promise<boolean> {
  return access(file, constants.X_OK).then(() => true, () => false);
}

async function onPath(name: string, environment: Environment): Promise<string | undefined> {
  for (const folder of environment.paths.search) {
    const file = join(folder, name);
    if (await executable(file)) return file;
  }
  return undefined;
}
