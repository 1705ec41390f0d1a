/** Whose an upload or a control folder is, and whether that run lives. */
import type { ObjectStore } from '../../stores/object-store.ts';
import { runRecord } from '../../contracts/records.ts';
import { directoryOf, fileNameOf } from '../../core/keys.ts';
import { controlPrefix, controlStampOf, parseChunkName } from '../../core/names.ts';
import type { RunState, TemporalAnswers } from './ask-temporal.ts';

export interface Owner {
  /** Null where nothing says which run it is. */
  readonly run: string | null;
  readonly state: RunState;
}

const UNKNOWN: Owner = { run: null, state: { lives: true, why: 'its control data does not say whose it is' } };
/** A run goes on by its plan, which lies in its control data. */
const NOBODY: Owner = { run: null, state: { lives: false, why: 'there is no control data of its run any more, so nobody can go on with it', endedMs: null } };

/** The stamp that a key carries: in the name of a chunk, or by the control folder that it is in. Null for keys of others. */
export function stampOf(key: string): string | null {
  return controlStampOf(key) ?? parseChunkName(fileNameOf(key))?.stamp ?? null;
}

export class Owners {
  readonly #store: ObjectStore;
  readonly #bucket: string;
  readonly #temporal: TemporalAnswers;
  readonly #known = new Map<string, Promise<Owner | null>>();

  constructor(store: ObjectStore, bucket: string, temporal: TemporalAnswers) {
    this.#store = store;
    this.#bucket = bucket;
    this.#temporal = temporal;
  }

  async ofKey(key: string): Promise<Owner> {
    const stamp = stampOf(key) ?? '';
    const inControl = controlStampOf(key);
    // The run's target, and so its control folder, is some folder that the chunk is in.
    for (let folder = inControl === null ? directoryOf(key) : key.slice(0, key.indexOf(controlPrefix('', inControl))); ; folder = directoryOf(folder.slice(0, -1))) {
      const owner = await this.ofFolder(controlPrefix(folder, stamp));
      if (owner) return owner;
      if (folder === '') return NOBODY;
    }
  }

  /** Null where there is no such folder. */
  ofFolder(control: string): Promise<Owner | null> {
    let owner = this.#known.get(control);
    if (!owner) {
      owner = this.#ask(control);
      this.#known.set(control, owner);
    }
    return owner;
  }

  async #ask(control: string): Promise<Owner | null> {
    const { getIfThere } = await import('../../stores/artefacts.ts');
    const text = await getIfThere(this.#store, { bucket: this.#bucket, key: `${control}run.json` });
    if (text) {
      const record = runRecord.parse(JSON.parse(text.toString()));
      return { run: record.id, state: await this.#temporal.stateOf(record) };
    }
    const { objects } = await this.#store.list({ bucket: this.#bucket, prefix: control, maxKeys: 1 });
    return objects.length === 0 ? null : UNKNOWN;
  }
}
