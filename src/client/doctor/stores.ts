/** The S3 stores, and what a run does on both sides: each by the smallest call that shows it. What it writes it deletes again. */
import { randomUUID } from 'node:crypto';
import type { StoreConfig } from '../../contracts/config.ts';
import { ERRORS, type TributaryError } from '../../contracts/errors.ts';
import type { Location } from '../../contracts/location.ts';
import type { Encryption } from '../../contracts/merge.ts';
import { CONTROL_FOLDER } from '../../contracts/names.ts';
import type { ObjectStore } from '../../stores/object-store.ts';
import { toTributaryError } from '../failure.ts';
import { duration } from '../render/numbers.ts';
import { withStores } from '../stores.ts';
import { bad, badBecause, good, note, type Finding } from './finding.ts';

export interface Places {
  readonly source?: Location;
  readonly target?: Location;
  /** Of what is written to it. */
  readonly encryption?: Encryption;
}

const REACH_TIMEOUT_MS = 5_000;
const SKEW_LIMIT_MS = 5 * 60_000;

export async function examineStores(stores: Readonly<Record<string, StoreConfig>>, { source, target, encryption }: Places): Promise<Finding[]> {
  return withStores(stores, async (open, registry) => {
    const findings: Finding[] = [];
    const answers = await registry.ping(REACH_TIMEOUT_MS);
    for (const [name, error] of Object.entries(answers)) {
      findings.push(error ? badBecause(`store ${name}`, error) : good(`store ${name}`, stores[name]?.endpoint ?? 'AWS'));
    }
    // What keeps a store from answering would be said again of each place in it, after as many retries.
    const answering = ({ store: name }: Location): boolean => (answers[name] ?? null) === null;
    if (source && answering(source)) findings.push(...await examineSource(open, source));
    if (target && answering(target)) findings.push(...await examineTarget(open(target.store, encryption), target, registry.createOnce(target.store)));
    return findings;
  });
}

async function examineSource(open: (name: string) => ObjectStore, { store: name, bucket, prefix }: Location): Promise<Finding[]> {
  const findings: Finding[] = [];
  try {
    const store = open(name);
    const { objects } = await store.list({ bucket, prefix, maxKeys: 1 });
    findings.push(good('list the source', `s3://${bucket}/${prefix}`));
    const [object] = objects;
    if (!object) {
      const what = `nothing is stored under s3://${bucket}/${prefix}`;
      // A run takes an empty bucket, and no prefix that is not there.
      findings.push(prefix === '' ? note('read the source', what, 'A run would have nothing to do.') : bad('read the source', what, ERRORS['TRB-NO-SUCH-PREFIX'].remedy, 'TRB-NO-SUCH-PREFIX'));
    } else if (object.sizeBytes === 0) {
      findings.push(good('read the source', `its first object, ${object.key}, is empty`));
    } else {
      await store.readInto({ bucket, key: object.key, ifMatch: object.etag, offset: 0, lengthBytes: 1, sizeBytes: object.sizeBytes }, new Uint8Array(1));
      findings.push(good('read the source', object.key));
    }
  } catch (error) {
    findings.push(badBecause(findings.length === 0 ? 'list the source' : 'read the source', failure(error)));
  }
  return findings;
}

/** @param createOnce what runs are told of it, where they do not try it */
async function examineTarget(store: ObjectStore, { bucket, prefix }: Location, createOnce: boolean | undefined): Promise<Finding[]> {
  const { probeCapabilities } = await import('../../stores/probe.ts');
  const { bodyOf } = await import('../../stores/body.ts');
  const ref = { bucket, key: `${prefix}${CONTROL_FOLDER}doctor-${randomUUID()}` };
  const findings: Finding[] = [];
  const attempt = async (check: string, what: string, call: () => Promise<unknown>): Promise<boolean> => {
    try {
      await call();
      findings.push(good(check, what));
      return true;
    } catch (error) {
      findings.push(badBecause(check, failure(error)));
      return false;
    }
  };
  const place = `s3://${bucket}/${prefix}`;
  if (!await attempt('list the target', place, () => store.list({ bucket, prefix, maxKeys: 1 }))) return findings;
  if (!await attempt('write the target', place, () => store.put({ ...ref, body: bodyOf('tributary') }))) return findings;
  findings.push(...await clock(store, ref));
  await attempt('multipart uploads', 'begun, listed and given up', async () => {
    const { uploadId } = await store.createUpload(ref);
    await store.listParts({ ...ref, uploadId });
    await store.abortUpload({ ...ref, uploadId });
  });
  findings.push(await examineCreateOnce(createOnce, async () => (await probeCapabilities(store, bucket, `${prefix}${CONTROL_FOLDER}`)).createOnce));
  try {
    await store.delete(ref);
    findings.push(good('delete', 'what doctor wrote is gone'));
  } catch (error) {
    findings.push(note('delete', failure(error).message, `Runs need no permission to delete; ${ref.key} stays there.`));
  }
  return findings;
}

async function examineCreateOnce(configured: boolean | undefined, probe: () => Promise<boolean>): Promise<Finding> {
  const check = 'write once';
  const source = configured === undefined ? '' : ', as createOnce of its configuration says; it was not tried';
  try {
    return configured ?? await probe()
      ? good(check, `the store honours If-None-Match${source}`)
      : note(check, `the store ignores If-None-Match${source}`, 'Runs look before they write instead, and say so; let nobody else write to the target meanwhile.');
  } catch (error) {
    return badBecause(check, failure(error));
  }
}

/** Signatures of requests are refused where the clocks differ by more than a quarter of an hour. */
async function clock(store: ObjectStore, ref: { bucket: string; key: string }): Promise<Finding[]> {
  const beforeMs = Date.now();
  const stored = await store.head(ref).catch(() => null);
  if (stored === null) return [];
  const skewMs = Math.abs(beforeMs - stored.modifiedMs);
  return [skewMs < SKEW_LIMIT_MS ? good('clock', 'agrees with the store') : note('clock', `differs from the store's by ${duration(skewMs)}`, 'Set the clock of this machine.')];
}

const failure = (error: unknown): TributaryError => toTributaryError(error);
