/**
 * Plays one plan of the soak against a rig, and judges what is left. It owns the workers of its run, and leaves the rig as it found it:
 * both servers up, no faults, no workers.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AbortMultipartUploadCommand, S3Client } from '@aws-sdk/client-s3';
import { WorkflowNotFoundError, type WorkflowHandle } from '@temporalio/client';
import type { MergeInput } from '../../src/contracts/merge.ts';
import type { Report } from '../../src/contracts/report.ts';
import { createRandom, seedOf, type Random } from '../../src/core/random.ts';
import { BIG, fillBig, fillMany, MANY, MIB } from './fault-loads.ts';
import { checkCancelled, checkRun, readFailures, resentAcknowledged, withFailures, writtenTwice } from './fault-checks.ts';
import { progressOf, reportOf, type FaultRig } from './fault-rig.ts';
import type { Program } from './programs.ts';
import { referenceMerge } from './reference-merge.ts';
import { acknowledged, isOfChunk, rereadBytes, resentBytes, type LoggedRequest } from './request-log.ts';
import { describeSoakPlan, type SoakEvent, type SoakPlan } from './soak-plan.ts';

export interface SoakVerdict {
  readonly plan: SoakPlan;
  /** None: the run kept every promise. */
  readonly findings: readonly string[];
  readonly status: string;
  readonly seconds: number;
  readonly mergedBytes: number;
  readonly resentBytes: number;
  readonly rereadBytes: number;
  /** Requests that met a fault. */
  readonly faults: number;
}

/** A run that has not ended by then is stuck. */
const RUN_LIMIT_MS = 300_000;

/** @param id name of the run, of its sources and of its target; to be used once for a rig */
export async function playSoakPlan(rig: FaultRig, plan: SoakPlan, id: string): Promise<SoakVerdict> {
  const mark = rig.proxy.log.length;
  const startedMs = Date.now();
  const play = new Play(rig, plan, id);
  const verdict = (status: string, findings: readonly string[], report?: Report): SoakVerdict => {
    const requests = rig.proxy.log.since(mark);
    return {
      plan, findings, status, seconds: (Date.now() - startedMs) / 1000, mergedBytes: report?.chunks.bytes ?? 0,
      resentBytes: resentBytes(requests.filter(isOfChunk)), rereadBytes: rereadBytes(requests.filter(({ bucket }) => bucket === 'logs')),
      faults: requests.filter(({ fault }) => fault !== null).length,
    };
  };
  try {
    const report = await play.run();
    return verdict(report.status, await play.judge(report), report);
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : '';
    return verdict('error', [`${error instanceof Error ? error.message : String(error)}${cause}`]);
  } finally {
    await play.cleanUp();
  }
}

class Play {
  readonly #rig: FaultRig;
  readonly #plan: SoakPlan;
  readonly #id: string;
  readonly #random: Random;
  readonly #mark: number;
  #workers: Program[] = [];
  #sources = new Map<string, Buffer>();
  /** Sources that were denied, deleted or changed; only these may fail. */
  #tampered = new Set<string>();
  #denied: readonly string[] = [];
  #over = false;

  constructor(rig: FaultRig, plan: SoakPlan, id: string) {
    this.#rig = rig;
    this.#plan = plan;
    this.#id = id;
    this.#random = createRandom(seedOf(plan.seed, 1));
    this.#mark = rig.proxy.log.length;
  }

  async run(): Promise<Report> {
    const { load, sources, seed, workers, events, cancelledAt } = this.#plan;
    const prefix = `${this.#id}/`;
    this.#sources = await (load === 'big' ? fillBig : fillMany)(this.#rig.buckets, prefix, seed, sources);
    const denied = this.#pickSources(this.#plan.denied);
    this.#denied = denied;
    this.#rig.proxy.schedule.add({
      when: ({ operation, bucket, key }) => operation === 'GetObject' && bucket === 'logs' && denied.includes(key.slice(prefix.length)), fault: { kind: 'answer', status: 403, code: 'AccessDenied' },
    });
    for (let count = 0; count < workers; count += 1) await this.#startWorker();
    const limits: MergeInput['limits'] = load === 'big' ? { bytesPerSecond: 8 * MIB } : { requestsPerSecond: 40 };
    const run = await this.#rig.start(this.#id, { source: `s3://logs/${prefix}`, target: `s3://merged/${prefix}`, ...(load === 'big' ? BIG : MANY), limits });
    const ended = new AbortController();
    const result = Promise.race([
      reportOf(run), sleep(RUN_LIMIT_MS, undefined, { signal: ended.signal }).then(async () => {
        await run.terminate('stuck');
        throw new Error(`the run has not ended within ${RUN_LIMIT_MS / 1000} s`);
      }),
    ]).finally(() => {
      this.#over = true;
      ended.abort();
    });
    // It is awaited below; until then a failure is none that nobody handles.
    result.catch(() => undefined);
    // Before that the run checks what it needs, and a store that does not answer then ends it within seconds.
    await this.#until(async () => (await progressOf(run)).phase !== 'START');
    const calming = this.#storm();
    await this.#until(async () => (await progressOf(run)).phase !== 'PLAN');
    await this.#tamper();
    const all: readonly (SoakEvent | { readonly at: number; readonly what: 'cancel' })[] = [...events, ...(cancelledAt === null ? [] : [{ at: cancelledAt, what: 'cancel' as const }])].sort((a, b) => a.at - b.at);
    const expected = load === 'big' ? sources : referenceMerge(this.#sources, MANY).size;
    for (const { at, what } of all) {
      await this.#until(() => acknowledged(this.#writes()) >= at * expected);
      if (this.#over) break;
      if (what === 'cancel') await unlessEnded(run.signal('cancel'));
      else await this.#happen(what, run);
    }
    await calming;
    return result;
  }

  async judge(report: Report): Promise<string[]> {
    const { buckets, proxy } = this.#rig;
    const options = this.#plan.load === 'big' ? BIG : MANY;
    const requests = proxy.log.since(this.#mark);
    const failures = await readFailures(buckets, report);
    const unexplained = [...failures].filter(([key]) => !this.#tampered.has(key)).map(([key, { code }]) => `${key} failed with ${code}, and nobody touched it`);
    const sources = withFailures(this.#sources, failures);
    const cancelled = report.status === 'cancelled';
    return [
      ...unexplained,
      ...this.#denied.filter((key) => !cancelled && !failures.has(key)).map((key) => `${key} was denied, and is not on record`),
      ...(cancelled === (this.#plan.cancelledAt !== null) || !cancelled ? [] : ['it was cancelled, and nobody asked for it']),
      ...(cancelled ? await checkCancelled(buckets, { report, sources, options }) : await checkRun(buckets, { report, sources, options })),
      ...writtenTwice(requests),
      ...resentAcknowledged(requests.filter(isOfChunk), this.#plan.events.some(({ what }) => /^(?:freeze|kill temporal)/.test(what.kind))),
    ];
  }

  async cleanUp(): Promise<void> {
    this.#over = true;
    const { proxy, temporalProxy } = this.#rig;
    proxy.schedule.clear();
    proxy.refuse(false);
    temporalProxy.freeze(false);
    await this.#rig.killWorkers();
  }

  #writes(): readonly LoggedRequest[] {
    return this.#rig.proxy.log.since(this.#mark).filter((request) => isOfChunk(request) && (request.operation === 'UploadPart' || request.operation === 'PutObject'));
  }

  /** Waits for the condition, or for the end of the run. */
  async #until(holds: () => boolean | Promise<boolean>): Promise<void> {
    while (!this.#over && !await holds()) await sleep(50);
  }

  async #startWorker(): Promise<void> {
    this.#workers.push(await this.#rig.startWorker());
  }

  #pickSources(count: number): string[] {
    const keys = [...this.#sources].filter(([key, { length }]) => length > 0 && !this.#tampered.has(key)).map(([key]) => key).sort();
    const picked: string[] = [];
    for (let left = count; left > 0 && keys.length > 0; left -= 1) picked.push(...keys.splice(this.#random.below(keys.length), 1));
    for (const key of picked) this.#tampered.add(key);
    return picked;
  }

  async #tamper(): Promise<void> {
    const { s3, buckets } = this.#rig;
    for (const key of this.#pickSources(this.#plan.deleted)) await rm(join(s3.dataDir, 'logs', this.#id, key));
    for (const key of this.#pickSources(this.#plan.changed)) await buckets.put('logs', `${this.#id}/${key}`, 'other content\n');
  }

  async #storm(): Promise<void> {
    const calm = this.#plan.storms.map(({ rule }) => this.#rig.proxy.schedule.add(rule));
    for (const endMs = Date.now() + this.#plan.stormMs; Date.now() < endMs && !this.#over;) await sleep(100);
    for (const stop of calm) stop();
  }

  async #happen(what: SoakEvent['what'], run: WorkflowHandle): Promise<void> {
    const { s3, temporal, temporalProxy, proxy } = this.#rig;
    switch (what.kind) {
      case 'kill worker': {
        this.#takeWorker()?.kill('SIGKILL');
        await this.#startWorker();
        break;
      }
      case 'stop worker': {
        this.#takeWorker()?.kill('SIGTERM');
        await this.#startWorker();
        break;
      }
      case 'freeze worker': {
        const frozen = this.#takeWorker();
        frozen?.kill('SIGSTOP');
        if (this.#workers.length === 0) await this.#startWorker();
        await sleep(what.forMs);
        frozen?.kill('SIGCONT');
        break;
      }
      case 'kill store': {
        await s3.kill();
        await sleep(what.forMs);
        await s3.start();
        break;
      }
      case 'kill temporal': {
        await temporal.kill();
        await sleep(what.forMs);
        await temporal.start();
        break;
      }
      case 'freeze temporal': {
        temporalProxy.freeze(true);
        await sleep(what.forMs);
        temporalProxy.freeze(false);
        break;
      }
      case 'refuse store': {
        proxy.refuse(true);
        await sleep(what.forMs);
        proxy.refuse(false);
        break;
      }
      case 'pause': {
        await unlessEnded(run.signal('pause'));
        if (what.killed) {
          this.#takeWorker()?.kill('SIGKILL');
          await this.#startWorker();
        }
        await sleep(what.forMs);
        await unlessEnded(run.signal('resume'));
        break;
      }
      case 'limits': {
        const limits = this.#plan.load === 'big' ? { bytesPerSecond: Math.round(8 * MIB * what.share) } : { requestsPerSecond: 40 * what.share };
        await unlessEnded(run.executeUpdate('setLimits', { args: [limits] }));
        break;
      }
      case 'abort upload': {
        await this.#abortUpload();
        break;
      }
    }
  }

  /** One of the workers, which does not count as one any more. */
  #takeWorker(): Program | undefined {
    return this.#workers.splice(this.#random.below(this.#workers.length), 1)[0];
  }

  /** As a lifecycle rule would. */
  async #abortUpload(): Promise<void> {
    const { s3 } = this.#rig;
    const last = this.#writes().findLast(({ operation }) => operation === 'UploadPart');
    const uploadId = last?.query.get('uploadId');
    if (!last || !uploadId) return;
    const client = new S3Client({ endpoint: s3.endpoint, region: 'us-east-1', credentials: { ...s3.root }, forcePathStyle: true });
    try {
      await client.send(new AbortMultipartUploadCommand({ Bucket: last.bucket, Key: last.key, UploadId: uploadId }));
    } catch (error) {
      // Where it has just been completed there is nothing to abort.
      if (!(error instanceof Error) || error.name !== 'NoSuchUpload') throw error;
    } finally {
      client.destroy();
    }
  }
}

/** A run may end just before something is asked of it. */
async function unlessEnded(asked: Promise<unknown>): Promise<void> {
  try {
    await asked;
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  }
}

/** The plan in one line, and what became of it. */
export function describeVerdict({ plan, findings, status, seconds, mergedBytes, resentBytes: resent, rereadBytes: reread, faults }: SoakVerdict): string {
  const mebibytes = (bytes: number): string => `${(bytes / MIB).toFixed(1)} MiB`;
  return [
    `${findings.length === 0 ? 'ok  ' : 'FAIL'} seed ${plan.seed}: ${status} in ${seconds.toFixed(0)} s, ${mebibytes(mergedBytes)} merged, ${mebibytes(resent)} sent again, ${mebibytes(reread)} read again, ${faults} requests met a fault`,
    `     ${describeSoakPlan(plan)}`,
    ...findings.map((finding) => `     ! ${finding}`),
  ].join('\n');
}
