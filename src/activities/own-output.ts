/**
 * Tells output of merges from sources. A key that looks like a chunk is one only where the run of its stamp left its spec beside
 * it, and what that run merged in it lies under the prefix that this one reads: then the originals are listed too, and the chunk would
 * double them. A chunk whose originals lie elsewhere is a source like any other, and so is a user's own `merged-2024.log`.
 */
import type { MergeSpec } from '../contracts/merge.ts';
import { compileSelection } from '../core/filters.ts';
import { controlPrefix, parseChunkName } from '../core/names.ts';
import { directoryOf, fileNameOf, groupOf } from '../core/keys.ts';
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

/** What a run read, by its spec. */
type Earlier = Pick<MergeSpec, 'source' | 'groupBy'>;

class OwnOutput {
  readonly #store: ObjectStore;
  readonly #spec: MergeSpec;
  readonly #stamp: string;
  /** By control prefix: what the run with it read; null where there is none. */
  readonly #known = new Map<string, Promise<Earlier | null>>();

  constructor(store: ObjectStore, spec: MergeSpec, stamp: string) {
    this.#store = store;
    this.#spec = spec;
    this.#stamp = stamp;
  }

  /** Whether the object at `key`, in the source's bucket and named like a chunk of the run of `stamp`, doubles sources of this run. */
  async includes(key: string, stamp: string, signal: AbortSignal): Promise<boolean> {
    if (stamp === this.#stamp) return true;
    const directory = directoryOf(key);
    // The control folder lies in the run's target: some folder that the chunk is in.
    for (let folder = directory; ; folder = directoryOf(folder.slice(0, -1))) {
      const earlier = await this.#earlier(controlPrefix(folder, stamp), signal);
      if (earlier && this.#reads(earlier, directory.slice(folder.length))) return true;
      if (folder === '') return false;
    }
  }

  /** Whether this run reads sources that an earlier one merged into the chunks of a group. */
  #reads({ source: { store, bucket, prefix }, groupBy }: Earlier, group: string): boolean {
    const { source } = this.#spec;
    if (store !== source.store || bucket !== source.bucket) return false;
    // All of them, or where a group has subdirectories, those in the one that is read.
    return `${prefix}${group}`.startsWith(source.prefix) || (source.prefix.startsWith(prefix) && groupOf(source.prefix.slice(prefix.length), groupBy) === group);
  }

  #earlier(control: string, signal: AbortSignal): Promise<Earlier | null> {
    let answer = this.#known.get(control);
    if (!answer) {
      answer = this.#ask(control, signal);
      this.#known.set(control, answer);
    }
    return answer;
  }

  async #ask(control: string, signal: AbortSignal): Promise<Earlier | null> {
    const text = await getIfThere(this.#store, { bucket: this.#spec.source.bucket, key: `${control}spec.json` }, { signal });
    const { source, groupBy } = text ? JSON.parse(text.toString()) as Partial<MergeSpec> : {};
    return source && groupBy ? { source, groupBy } : null;
  }
}
