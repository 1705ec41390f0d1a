/** A client's view of a store that ends like a killed process: from some call on nothing of it is heard any more. */
import { TributaryError } from '../../src/contracts/errors.ts';
import type { ObjectStore } from '../../src/stores/object-store.ts';

export interface MortalOptions {
  /** The call that it dies at, from 0; Infinity: never. */
  readonly diesAtCall: number;
  /** Whether that call still acts, and its answer is lost. */
  readonly actsAtDeath: boolean;
  /** Turns of the event loop that a call takes to reach the store: it acts then, whether or not its sender still lives. */
  readonly delayTurns?: (call: number) => number;
  readonly onDeath?: () => void;
}

export interface MortalConnection {
  readonly store: ObjectStore;
  readonly calls: () => number;
  readonly isDead: () => boolean;
  /** Uploads that it created. */
  readonly createdUploads: ReadonlySet<string>;
}

const VERBS = ['list', 'readInto', 'get', 'head', 'put', 'putStream', 'createUpload', 'uploadPart', 'listParts', 'listUploads', 'completeUpload', 'abortUpload', 'delete', 'headBucket', 'createBucket'] as const;

export function mortalConnection(store: ObjectStore, options: MortalOptions): MortalConnection {
  const { diesAtCall, actsAtDeath, delayTurns = () => 0, onDeath } = options;
  const createdUploads = new Set<string>();
  let calls = 0;
  let dead = false;
  const gone = (): TributaryError => new TributaryError('TRB-INTERNAL', 'this process was killed');

  const through = async (verb: string, act: (...given: unknown[]) => Promise<unknown>, given: unknown[]): Promise<unknown> => {
    const call = calls;
    calls += 1;
    if (dead) throw gone();
    const dies = call >= diesAtCall;
    if (dies) {
      dead = true;
      onDeath?.();
      if (!actsAtDeath) throw gone();
    }
    for (let turns = delayTurns(call); turns > 0; turns -= 1) await new Promise((resolve) => setImmediate(resolve));
    // A buffer of a dead process takes no bytes.
    if (isDead() && verb === 'readInto') throw gone();
    try {
      const answer = await act(...given);
      if (verb === 'createUpload') createdUploads.add((answer as { uploadId: string }).uploadId);
      if (isDead()) throw gone();
      return answer;
    } catch (error) {
      throw isDead() ? gone() : error;
    }
  };
  const isDead = (): boolean => dead;

  const view = Object.fromEntries(VERBS.map((verb) => {
    const act = store[verb].bind(store) as (...given: unknown[]) => Promise<unknown>;
    return [verb, (...given: unknown[]) => through(verb, act, given)];
  }));
  return { store: { ...view, name: store.name, close: () => undefined } as unknown as ObjectStore, calls: () => calls, isDead, createdUploads };
}
