/**
 * Finds what runs left under a target and nobody needs: multipart uploads, and control data of runs that have ended.
 *
 * Invariants:
 * W1. The store is listed before Temporal is asked: whatever is listed was written by a run that Temporal knew by then.
 * W2. Only what carries a run's stamp is ours: uploads of other programs are neither listed nor touched.
 * W3. What a living run may need stays: its own, the plan that it applies, the failures that it retries; and what cannot be asked about.
 */
import type { Location } from '../../contracts/location.ts';
import type { Encryption, MergeSpec } from '../../contracts/merge.ts';
import { CONTROL_FOLDER } from '../../contracts/names.ts';
import { controlStampOf } from '../../core/names.ts';
import type { ListedObject, ObjectStore, OpenUpload } from '../../stores/object-store.ts';
import type { TemporalAnswers } from './ask-temporal.ts';
import { Owners, stampOf } from './owners.ts';

/** Control data of an ended run is kept for this long, where nothing else is said. */
const CONTROL_AGE_MS = 7 * 24 * 3_600_000;
/** What of the control data stays: who wrote it, what was read, the figures, and what could not be read. */
const STAYS = /^(?:run\.json|spec\.json|report\.json|swept\.json|failures\/.*)$/;

export interface LeftUpload { readonly upload: OpenUpload; readonly run: string | null; readonly why: string; /** Of its run. */ readonly endedMs: number | null }

export interface LeftControl {
  /** Of its folder. */
  readonly prefix: string;
  readonly run: string;
  readonly why: string;
  readonly writtenMs: number;
  /** What is removed of it. */
  readonly objects: readonly ListedObject[];
  /** Whether the note that it was swept has to be written first: not where nothing stays, or it is there. */
  readonly needsNote: boolean;
  /** Of what its run wrote; and so of the note, too. */
  readonly encryption: Encryption | undefined;
  readonly hasChunks: boolean;
}

export interface Leftovers {
  readonly uploads: readonly LeftUpload[];
  readonly control: readonly LeftControl[];
  /** What is ours and stays. */
  readonly kept: readonly { readonly key: string; readonly why: string }[];
}

export interface FindOptions {
  readonly store: ObjectStore;
  readonly target: Location;
  /** Only what is older; null: uploads of any age, and control data of a week. */
  readonly olderThanMs: number | null;
  readonly temporal: TemporalAnswers;
}

export async function findLeftovers(options: FindOptions): Promise<Leftovers> {
  const { store, target: { bucket, prefix }, temporal } = options;
  const listed = (await store.listUploads({ bucket, prefix })).filter(({ key }) => stampOf(key) !== null);
  const folders = await controlFolders(options);
  const owners = new Owners(store, bucket, temporal);
  const kept: { key: string; why: string }[] = [];
  const uploads: LeftUpload[] = [];
  for (const upload of listed) {
    const { run, state } = await owners.ofKey(upload.key);
    if (state.lives) kept.push({ key: upload.key, why: state.why });
    else if (upload.startedMs > Date.now() - (options.olderThanMs ?? 0)) kept.push({ key: upload.key, why: 'the upload is younger than was asked for' });
    else uploads.push({ upload, run, why: state.why, endedMs: state.endedMs });
  }
  const needed = await temporal.neededByOthers();
  const control: LeftControl[] = [];
  for (const [folder, objects] of folders) {
    const left = await leftOf(store, bucket, folder, objects);
    const owner = await owners.ofFolder(folder);
    if (!owner || left.objects.length === 0) continue;
    const { run, state } = owner;
    if (state.lives) kept.push({ key: folder, why: state.why });
    else if (needed.has(controlStampOf(folder) ?? '') || needed.has(run ?? '')) kept.push({ key: folder, why: 'another run, which lives, reads it' });
    else if (left.writtenMs > Date.now() - (options.olderThanMs ?? CONTROL_AGE_MS)) kept.push({ key: folder, why: `${state.why}, and it is younger than ${options.olderThanMs === null ? 'seven days' : 'was asked for'}` });
    else control.push({ ...left, prefix: folder, run: run ?? '', why: state.why });
  }
  return { uploads, control, kept };
}

/** The control data of each run under the target. */
async function controlFolders({ store, target: { bucket, prefix } }: FindOptions): Promise<Map<string, readonly ListedObject[]>> {
  const { listAll, listFolders } = await import('../../stores/list-all.ts');
  const folders = new Map<string, readonly ListedObject[]>();
  for (const folder of await listFolders(store, { bucket, prefix: `${prefix}${CONTROL_FOLDER}runs/` })) {
    if (controlStampOf(folder) === null) continue;
    const objects: ListedObject[] = [];
    for await (const object of listAll(store, { bucket, prefix: folder })) objects.push(object);
    folders.set(folder, objects);
  }
  return folders;
}

/** Of a run that wrote chunks they are recognised later, and its failures can be retried. Of one that only planned nothing is needed. */
async function leftOf(store: ObjectStore, bucket: string, folder: string, all: readonly ListedObject[]): Promise<Pick<LeftControl, 'objects' | 'needsNote' | 'encryption' | 'hasChunks' | 'writtenMs'>> {
  const { getIfThere } = await import('../../stores/artefacts.ts');
  const text = await getIfThere(store, { bucket, key: `${folder}spec.json` });
  const spec = text && JSON.parse(text.toString()) as Partial<MergeSpec>;
  const wroteNothing = spec === null || spec.dryRun === true;
  const has = (name: string): boolean => all.some(({ key }) => key.startsWith(`${folder}${name}`));
  return {
    objects: wroteNothing ? all : all.filter(({ key }) => !STAYS.test(key.slice(folder.length))),
    needsNote: !wroteNothing && !has('swept.json'), encryption: spec?.output?.encryption, hasChunks: has('chunks/'), writtenMs: Math.max(...all.map(({ modifiedMs }) => modifiedMs)),
  };
}
