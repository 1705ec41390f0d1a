/**
 * `npm run demo`: the whole thing once, on this machine and with the real command: servers and a worker by `tributary dev`, a made-up
 * bucket of logs, a merge, its verification and its report. Keeps nothing and leaves nothing running; `-- --keep` leaves all of it up
 * until Ctrl-C, to look around.
 */
import type { ChildProcess } from 'node:child_process';
import { styleText } from 'node:util';
import { ROOT } from './lib/paths.ts';
import { Processes } from './lib/processes.ts';

const SOURCE = 's3://logs/';
const TARGET = 's3://merged/';
const RUN = 'demo';

/** What `tributary dev -o json` says when it is up; the part that we use. */
interface DevAnswer {
  readonly temporal: { readonly address: string; readonly ui: string };
  readonly s3: { readonly endpoint: string; readonly region: string; readonly accessKeyId: string; readonly secretAccessKey: string };
}

class DemoError extends Error {}

const keep = process.argv.includes('--keep');
const processes = new Processes();
processes.endOnSignals();

const say = (line: string): void => { process.stdout.write(`${line}\n`); };
const heading = (line: string): void => say(`\n${styleText('bold', `▸ ${line}`)}`);

async function build(): Promise<void> {
  const { code } = await processes.run(process.execPath, ['scripts/build.ts'], { cwd: ROOT, inherit: true });
  if (code !== 0) throw new DemoError('the build failed; its message is above');
}

/** Resolves when `tributary dev` is up. What it says meanwhile, as when it builds a server, goes to the terminal. */
async function startDev(): Promise<{ readonly dev: ChildProcess; readonly answer: DevAnswer }> {
  const args = ['bin/tributary.mjs', 'dev', '--ephemeral', '--bucket', 'logs', '--bucket', 'merged', '-o', 'json'];
  const dev = processes.start(process.execPath, args, { cwd: ROOT, env: { AWS_PROFILE: '' } });
  dev.stderr?.setEncoding('utf8').on('data', (text: string) => process.stderr.write(text));
  const answer = await new Promise<DevAnswer>((resolve, reject) => {
    let text = '';
    dev.stdout?.setEncoding('utf8').on('data', (more: string) => {
      text += more;
      const parsed = parse(text);
      if (parsed !== undefined) resolve(parsed);
    });
    dev.once('exit', (code) => reject(new DemoError(`tributary dev ended with ${code ?? 'a signal'} before it was up`)));
  });
  return { dev, answer };
}

/** The answer may come in several pieces. */
function parse(text: string): DevAnswer | undefined {
  try {
    return JSON.parse(text) as DevAnswer;
  } catch {
    return undefined;
  }
}

/** The variables that a command needs in order to see the servers. Empty ones take those of the user's shell out of the way. */
const variables = ({ temporal, s3 }: DevAnswer): Record<string, string> => ({
  TEMPORAL_ADDRESS: temporal.address,
  TEMPORAL_PROFILE: '',
  AWS_PROFILE: '',
  AWS_ENDPOINT_URL_S3: s3.endpoint,
  AWS_REGION: s3.region,
  AWS_ACCESS_KEY_ID: s3.accessKeyId,
  AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
});

async function tributary(env: Record<string, string>, ...args: string[]): Promise<void> {
  heading(`tributary ${args.join(' ')}`);
  const { code } = await processes.run(process.execPath, ['bin/tributary.mjs', ...args], { cwd: ROOT, env, inherit: true });
  if (code !== 0) throw new DemoError(`tributary ${args[0] ?? ''} ended with ${code}`);
}

async function tour(answer: DevAnswer): Promise<void> {
  const env = variables(answer);
  await tributary(env, 'generate', SOURCE, '--objects', '8000', '--lines', '150');
  await tributary(env, 'merge', SOURCE, TARGET, '--lines', '10000', '--id', RUN, '--stats', '1s');
  await tributary(env, 'verify', RUN, '--verify', 'content');
  await tributary(env, 'report', RUN);
}

/** The last words. Without --keep they come when all is stopped, so they say how to have it again. */
function farewell({ temporal, s3 }: DevAnswer): void {
  say(`\nWeb UI     ${temporal.ui}/namespaces/default/workflows/${RUN}${keep ? '' : '   (has ended with the demo)'}`);
  if (keep) {
    say(`S3         ${s3.endpoint}`);
    say(`Try next   npx tributary status ${RUN}    in another terminal; it finds these servers by itself`);
    say('           All of it stays up until Ctrl-C.');
  } else {
    say('Try next   npm run demo -- --keep    the same, and the Web UI and both servers stay up until Ctrl-C');
    say('           npx tributary merge s3://BUCKET/ s3://OTHER-BUCKET/    on buckets of yours; npx tributary --help lists the rest');
  }
}

try {
  heading('tributary dev');
  await build();
  const { dev, answer } = await startDev();
  say(`Temporal   ${answer.temporal.address}`);
  say(`Web UI     ${answer.temporal.ui}`);
  say(`S3         ${answer.s3.endpoint}`);
  await tour(answer);
  if (!keep) await processes.stopAll();
  farewell(answer);
  if (keep) await new Promise((resolve) => dev.once('exit', resolve));
} catch (error) {
  if (!(error instanceof DemoError)) throw error;
  process.stderr.write(`demo: ${error.message}\n`);
  process.exitCode = 1;
} finally {
  await processes.stopAll();
}
