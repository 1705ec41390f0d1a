/** The contender *rclone*, where it is on PATH: `rclone cat | rclone rcat`, which puts all sources of a set into one object, in an order of its own. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { runProgram } from '../src/client/services/run-program.ts';
import { readEnvironment } from '../src/config/environment.ts';
import type { Contender } from './contender.ts';
import { prefixOf, type DataSet } from './data-sets.ts';
import type { BenchServer } from './servers.ts';
import { cpuSecondsIn, peakBytesOf } from './usage.ts';

const LOOK_EACH_MS = 50;
const MOST_OBJECTS = 20_000;

/** @returns why it cannot take part, where it cannot */
export async function startRclone({ name, endpoint, place }: BenchServer): Promise<Contender | string> {
  if (name === 'lean') return 'it wants MD5 sums for ETags';
  const variables = Object.fromEntries(Object.entries(readEnvironment().variables).filter(([name]) => !/^(?:AWS|RCLONE)_/.test(name)));
  if ((await runProgram('rclone', ['version'], { env: variables, timeoutMs: 10_000 })).code !== 0) return 'it is not on PATH';
  const env = {
    ...variables, RCLONE_CONFIG: '/dev/null', RCLONE_CONFIG_S_TYPE: 's3', RCLONE_CONFIG_S_PROVIDER: 'Other', RCLONE_CONFIG_S_ENDPOINT: endpoint,
    RCLONE_CONFIG_S_REGION: place.region, RCLONE_CONFIG_S_ACCESS_KEY_ID: place.accessKeyId, RCLONE_CONFIG_S_SECRET_ACCESS_KEY: place.secretAccessKey,
    RCLONE_CONFIG_S_NO_CHECK_BUCKET: 'true', RCLONE_CONFIG_S_CHUNK_SIZE: '16M', RCLONE_CONFIG_S_UPLOAD_CONCURRENCY: '6', RCLONE_TRANSFERS: '25', RCLONE_CHECKERS: '25',
  };
  let set: DataSet | null = null;
  return {
    name: 'rclone', keepsOrder: false,
    whyNot: ({ gzip, directories, objectsPerDirectory }) => (gzip ? 'it does not decode' : directories * objectsPerDirectory > MOST_OBJECTS || directories > 1000 ? 'it would take too long' : null),
    prepare: async (next) => { set = next; },
    run: async () => {
      if (!set) throw new Error('there is nothing to move yet');
      const from = `s:${place.sourceBucket}/${prefixOf(set)}`;
      const to = `s:${place.targetBucket}/${prefixOf(set)}rclone.log`;
      const startedMs = performance.now();
      // The shell's own line has what its ended children used.
      const { code, output, peakBytes } = await runShell(`rclone cat ${from} | rclone rcat ${to} || exit 1; cat /proc/$$/stat`, env);
      const seconds = (performance.now() - startedMs) / 1000;
      if (code !== 0) throw new Error(`rclone ended with ${code}: ${output}`);
      return { seconds, writeSeconds: seconds, requests: null, cpuSeconds: cpuSecondsIn(output.trim().split('\n').at(-1) ?? ''), peakBytes };
    },
    controlPlane: async () => null,
    stop: async () => undefined,
  };
}

async function runShell(script: string, env: Readonly<Record<string, string>>): Promise<{ readonly code: number; readonly output: string; readonly peakBytes: number }> {
  const child = spawn('sh', ['-c', script], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => { output += text; });
  const peaks = new Map<string, number>();
  const look = setInterval(() => {
    try {
      const children = readFileSync(`/proc/${child.pid ?? -1}/task/${child.pid ?? -1}/children`, 'utf8').split(' ').filter((pid) => pid !== '');
      for (const pid of children) peaks.set(pid, peakBytesOf(Number(pid)));
    } catch {
      // It ended in between.
    }
  }, LOOK_EACH_MS);
  const code = await new Promise<number>((resolve) => { child.once('close', (ended) => { resolve(ended ?? 1); }); });
  clearInterval(look);
  return { code, output, peakBytes: [...peaks.values()].reduce((sum, peak) => sum + peak, 0) };
}
