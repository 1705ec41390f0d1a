/** The contenders *bare* and *undici* as a process of their own. */
import { answerCalls } from './calls.ts';
import { Contents, findSet } from './data-sets.ts';
import { move, type Load, type MovingClient } from './mover.ts';
import { createBareClient, createUndiciClient, type Place } from './moving-clients.ts';
import { chunksOf } from './work.ts';

let client: MovingClient | undefined;
let load: Load | undefined;
const handlers = {
  open: ({ kind, place }: { readonly kind: 'bare' | 'undici'; readonly place: Place }) => {
    client = kind === 'bare' ? createBareClient(place) : createUndiciClient(place);
  },
  prepare: ({ set, seed, etags }: { readonly set: string; readonly seed: number; readonly etags: readonly string[] }) => {
    const found = findSet(set);
    load = { chunks: [...chunksOf(found, new Contents(found, seed))], objectBytes: found.objectBytes, etags };
  },
  run: async (_: null) => {
    if (!client || !load) throw new Error('there is nothing to move yet');
    const startedMs = performance.now();
    const requests = await move(client, load);
    return { seconds: (performance.now() - startedMs) / 1000, requests };
  },
};
export type MoverHandlers = typeof handlers;

answerCalls(handlers);
