/** The lean server as a process of its own. */
import { answerCalls } from './calls.ts';
import { Contents, findSet } from './data-sets.ts';
import { serve } from './lean-http.ts';
import { LeanStore } from './lean-store.ts';

const store = new LeanStore();
const handlers = {
  listen: async (_: null) => (await serve(store)).port,
  addBucket: (bucket: string) => { store.addBucket(bucket); },
  addSources: ({ bucket, set, seed }: { readonly bucket: string; readonly set: string; readonly seed: number }) => {
    const found = findSet(set);
    return store.addSources(bucket, found, new Contents(found, seed));
  },
  clear: ({ bucket, prefix }: { readonly bucket: string; readonly prefix: string }) => { store.clear(bucket, prefix); },
  keepContent: (keeps: boolean) => { store.keepsContent = keeps; },
};
export type LeanHandlers = typeof handlers;

answerCalls(handlers);
