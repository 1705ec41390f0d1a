import { createWriteStream } from 'node:fs';
import { mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { runProgram } from './run-program.ts';

const ANSWER_TIMEOUT_MS = 5_000;
const STALL_TIMEOUT_MS = 20_000;

export interface DownloadOptions {
  readonly url: string;
  /** File in the archive. */
  readonly member: string;
  /** Where it goes; the folder exists. Written under another name first, so that what is there is always whole. */
  readonly destination: string;
  /** Called about each five seconds. Total is unknown where the server does not say it. */
  readonly onBytes: (receivedBytes: number, totalBytes: number | undefined) => void;
}

/**
 * Fetches a release archive (.tar.gz) and takes one program out of it. A network that does not answer is given up after five
 * seconds: closed networks are common, and there is another way.
 * @throws Error with a sentence that says why it could not be had
 */
export async function downloadProgram(options: DownloadOptions): Promise<void> {
  const folder = await mkdtemp(`${options.destination}.download-`);
  try {
    const archive = join(folder, 'archive.tar.gz');
    await fetchTo(options, archive);
    const unpacked = await runProgram('tar', ['-xzf', archive, '-C', folder]);
    if (unpacked.code !== 0) throw new Error(`the archive cannot be unpacked: ${unpacked.output.trim()}`);
    const members = await readdir(folder, { recursive: true });
    const member = members.find((name) => name === options.member || name.endsWith(`/${options.member}`));
    if (member === undefined) throw new Error(`the archive holds no ${options.member}`);
    await rename(join(folder, member), options.destination);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function fetchTo(options: DownloadOptions, file: string): Promise<void> {
  const abort = new AbortController();
  const giveUp = (why: string) => (): void => { abort.abort(new Error(why)); };
  let timer = setTimeout(giveUp(`no answer within ${ANSWER_TIMEOUT_MS / 1000} s`), ANSWER_TIMEOUT_MS);
  try {
    const response = await fetch(options.url, { signal: abort.signal, redirect: 'follow' });
    if (!response.ok || response.body === null) throw new Error(`the server answered ${response.status}`);
    const totalText = response.headers.get('content-length');
    const totalBytes = totalText === null ? undefined : Number(totalText);
    let receivedBytes = 0;
    let toldMs = Date.now();
    const watch = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        clearTimeout(timer);
        timer = setTimeout(giveUp(`nothing came for ${STALL_TIMEOUT_MS / 1000} s`), STALL_TIMEOUT_MS);
        receivedBytes += chunk.length;
        if (Date.now() - toldMs >= 5_000) {
          toldMs = Date.now();
          options.onBytes(receivedBytes, totalBytes);
        }
        done(null, chunk);
      },
    });
    await pipeline(Readable.fromWeb(response.body), watch, createWriteStream(file), { signal: abort.signal });
  } catch (error) {
    // `fetch` says "fetch failed" and keeps the reason in its cause.
    throw abort.signal.aborted ? abort.signal.reason : ((error as Error).cause ?? error);
  } finally {
    clearTimeout(timer);
    abort.abort();
  }
}
