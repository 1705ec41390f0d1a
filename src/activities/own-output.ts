/**
 * Tells output of merges from sources. A key that looks like a chunk is one only where the run of its stamp left its spec beside
 * it, and that run read what this one reads: then the originals are listed too, and the chunk would double them. A chunk whose
 * originals lie elsewhere is a source like any other, and so is a user's own `merged-2024.log`.
 */
import type { MergeSpec } from '../contracts/merge.ts';
import { compileSelection } from '../core/filters.ts';
import { controlPrefix, parseChunkName } from '../core/names.ts';
import { directoryOf, fileNameOf } from '../core/keys.ts';
import { getIfThere } from '../stores/artefacts.ts';
import type { ListedObject, ObjectStore } from '../stores/object-store.ts';

/** Says why a listed object is no source of a run, or null where it is one: at once, but for names that a chunk has. */
export function sourceSelection(store: ObjectStore, spec: MergeSpec, stamp: string): (object: ListedObject, signal: AbortSignal) => string | null | Promise<string | null> {
  const select = compileSelection(spec);
  const own = new OwnOutput(store, spec, stamp);
  return ({ key, sizeBytes, modifiedMs }, signal) => {
    const reason = select(key.slice(spec.source.prefix.length), sizeBytes, modifiedMs);
    const name = reason === null ? parseChunkName(fileNameOf(key)) : null;
    return name ? own.includes(key, name.stamp, signal).then((included) => (included ? 'own-output' : null)) : reason;
  };
}

class OwnOutput {
  readonly #store: ObjectStore;
  readonly #spec: MergeSpec;
  readonly #stamp: string;
  /** By control prefix: whether a run with it reads the same sources. */
  readonly #known = new Map<string, Promise<boolean>>();

  constructor(store: ObjectStore, spec: MergeSpec, stamp: string) {
    this.#store = store;
    this.#spec = spec;
    this.#stamp = stamp;
  }

  /** Whether the object at `key`, in the source's bucket and named like a chunk of the run of `stamp`, doubles sources of this run. */
  async includes(key: string, stamp: string, signal: AbortSignal): Promise<boolean> {
    if (stamp === this.#stamp) return true;
    // The control folder lies in the run's target: some folder that the chunk is in.
    for (let folder = directoryOf(key); ; folder = directoryOf(folder.slice(0, -1))) {
      if (await this.#readsTheSame(controlPrefix(folder, stamp), signal)) return true;
      if (folder === '') return false;
    }
  }

  #readsTheSame(control: string, signal: AbortSignal): Promise<boolean> {
    let answer = this.#known.get(control);
    if (!answer) {
      answer = this.#ask(control, signal);
      this.#known.set(control, answer);
    }
    return answer;
  }

  async #ask(control: string, signal: AbortSignal): Promise<boolean> {
    const { source } = this.#spec;
    const text = await getIfThere(this.#store, { bucket: source.bucket, key: `${control}spec.json` }, { signal });
    const other = text && (JSON.parse(text.toString()) as Partial<MergeSpec>).source;
    if (other?.bucket !== source.bucket) return false;
    return other.prefix.startsWith(source.prefix) || source.prefix.startsWith(other.prefix);
  }
}
