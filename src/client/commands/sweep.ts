import { setTimeout as sleep } from 'node:timers/promises';
import { EXIT, TributaryError } from '../../contracts/errors.ts';
import { formatS3Uri, type Location } from '../../contracts/location.ts';
import type { SweepReport } from '../../contracts/report.ts';
import { SETTLE_MS } from '../../contracts/settle.ts';
import { parseDurationMs } from '../../contracts/units.ts';
import type { ObjectStore } from '../../stores/object-store.ts';
import { confirm } from '../confirm.ts';
import type { Context } from '../context.ts';
import { placeOf } from '../place.ts';
import { renderSweep, sweepQuestion } from '../render/sweep.ts';
import { openSession } from '../session.ts';
import { withStores } from '../stores.ts';
import { TemporalAnswers } from '../sweep/ask-temporal.ts';
import { findLeftovers, type Leftovers } from '../sweep/find.ts';
import { removeLeftovers } from '../sweep/remove.ts';
import { storesOf } from '../where.ts';

export interface SweepFlags {
  readonly olderThan?: string;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly targetStore: string;
}

/** `tributary sweep DST`: looks, asks, looks again, and removes. Without --yes and without a terminal it only looks. @returns the exit code */
export async function sweep(context: Context, uri: string, flags: SweepFlags): Promise<number> {
  const { output } = context;
  const target = placeOf(uri, flags.targetStore);
  const olderThanMs = olderThan(flags.olderThan);
  const session = await openSession(context, { worker: 'none' });
  try {
    return await withStores(storesOf(context.config(), session.where), async (open) => {
      const store = open(target.store);
      await store.headBucket(target.bucket);
      const temporal = await TemporalAnswers.open(session.runs);
      const find = (): Promise<Leftovers> => findLeftovers({ store, target, olderThanMs, temporal });
      const found = await find();
      const isEmpty = found.uploads.length + found.control.length === 0;
      if (isEmpty || flags.dryRun === true || !await isAgreed(context, target, found, flags)) {
        const report = reportOf(target, found, false);
        output.answer(report, (style) => renderSweep(report, style));
        return EXIT.ok;
      }
      await settle(found, (line) => { output.say(line); });
      const report = reportOf(target, await removeAll(store, target, find), true);
      output.answer(report, (style) => renderSweep(report, style));
      return EXIT.ok;
    });
  } finally {
    await session.close();
  }
}

/** Time has passed since the first look: a run may have been reset, and begun to write again. */
async function removeAll(store: ObjectStore, { bucket }: Location, find: () => Promise<Leftovers>): Promise<Leftovers> {
  const found = await find();
  await removeLeftovers(store, bucket, found);
  return found;
}

async function isAgreed({ output }: Context, target: Location, found: Leftovers, { yes }: SweepFlags): Promise<boolean> {
  if (yes === true) return true;
  const report = reportOf(target, found, false);
  const agreed = await confirm(`${renderSweep(report, output.messageStyle)}\n${sweepQuestion(report)}`);
  output.warn(agreed === null ? 'nothing was removed: there is no terminal to ask on; say --yes to remove it' : agreed ? 'removing …' : 'nothing was removed');
  return agreed === true;
}

/** Workers learn with their next heartbeat that a run is over: until then they may begin another upload. */
async function settle({ uploads }: Leftovers, say: (line: string) => void): Promise<void> {
  const waitMs = Math.max(0, ...uploads.map(({ endedMs }) => (endedMs ?? 0) + SETTLE_MS - Date.now()));
  if (waitMs <= 0) return;
  say(`waiting ${Math.ceil(waitMs / 1000)} s: a run has just ended, and its workers may not know it yet`);
  await sleep(waitMs);
}

function reportOf(target: Location, { uploads, control, kept }: Leftovers, removed: boolean): SweepReport {
  const uri = (key: string): string => `s3://${target.bucket}/${key}`;
  const iso = (ms: number): string => new Date(ms).toISOString();
  return {
    schema: 'tributary.sweep/1', target: formatS3Uri(target), removed,
    uploads: uploads.map(({ upload: { key, uploadId, startedMs }, run, why }) => ({ uri: uri(key), uploadId, started: iso(startedMs), run, why })),
    control: control.map(({ prefix, run, objects, writtenMs, why }) => ({
      uri: uri(prefix), run, objects: objects.length, bytes: objects.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0), written: iso(writtenMs), why,
    })),
    kept: kept.map(({ key, why }) => ({ uri: uri(key), why })),
  };
}

function olderThan(text: string | undefined): number | null {
  if (text === undefined) return null;
  const ms = parseDurationMs(text);
  if (ms === undefined) throw new TributaryError('TRB-INVALID-INPUT', `--older-than "${text}" is not a duration; write a number and a unit, as 7d`);
  return ms;
}
