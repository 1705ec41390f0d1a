/**
 * One store served by two clients: the lean one for the verbs that every run needs many times, the SDK for everything else, and for
 * whatever the lean one does not serve.
 *
 * Invariant: a call that the lean client refused (`FallbackError`) changed nothing, so the same call goes to the SDK. Where that
 * happens again and again for a verb and a bucket, the lean client is not asked any more.
 */
import { isTributaryError, TributaryError } from '../contracts/errors.ts';
import type { ObjectStore } from './object-store.ts';
import { FallbackError } from './socket/failure.ts';
import type { HotStore, ReadWatcher } from './socket/socket-store.ts';

/** Refusals in a row after which a verb of a bucket is the SDK's for good. */
const MAX_FALLBACKS = 3;

export type Client = 'sdk' | 'socket';

export interface AutoStoreOptions {
  /** Called at the first hot call; a FallbackError means that everything is the SDK's. */
  readonly openLean: () => Promise<HotStore>;
  /** Whether a hot call that the lean client does not serve is an error (TRB-INVALID-CONFIG) instead of the SDK's. */
  readonly strict?: boolean;
  /** Told for each call which client gave the answer, also where that is an error. */
  readonly onServed?: (client: Client) => void;
}

export function createAutoStore(sdk: ObjectStore, { openLean, strict = false, onServed = () => undefined }: AutoStoreOptions): ObjectStore {
  const fallbacks = new Map<string, number>();
  let lean: Promise<HotStore> | undefined;
  let opened: HotStore | undefined;
  let closed = false;

  const getLean = (): Promise<HotStore> => {
    lean ??= openLean().then((store) => {
      opened = store;
      if (closed) store.close();
      return store;
    }, (error: unknown) => {
      // What is no refusal may pass: it is tried anew with the next call.
      if (!(error instanceof FallbackError)) lean = undefined;
      throw error;
    });
    return lean;
  };
  const viaSdk = <T>(call: () => Promise<T>): Promise<T> => {
    onServed('sdk');
    return call();
  };
  const refused = <T>(verb: string, bucket: string, error: FallbackError, serve: (store: HotStore) => Promise<T>): Promise<T> => {
    // One answer that cannot be read may be followed by one that can.
    if (strict && isTributaryError(error.cause)) throw error.cause;
    if (strict) throw new TributaryError('TRB-INVALID-CONFIG', `the socket client cannot serve store ${sdk.name} (${error.message}); adapter: auto can`, { store: sdk.name, bucket });
    const name = `${verb} ${bucket}`;
    fallbacks.set(name, (fallbacks.get(name) ?? 0) + 1);
    return viaSdk(() => serve(sdk));
  };
  const hot = <T>(verb: string, bucket: string, serve: (store: HotStore) => Promise<T>): Promise<T> => {
    const refusals = fallbacks.size === 0 ? 0 : fallbacks.get(`${verb} ${bucket}`) ?? 0;
    if (refusals >= MAX_FALLBACKS) return viaSdk(() => serve(sdk));
    const served = opened ? serve(opened) : getLean().then(serve);
    return served.then((answer) => {
      onServed('socket');
      if (refusals > 0) fallbacks.delete(`${verb} ${bucket}`);
      return answer;
    }, (error: unknown) => {
      if (error instanceof FallbackError) return refused(verb, bucket, error, serve);
      onServed('socket');
      throw error;
    });
  };

  const readInto: ObjectStore['readInto'] = (request, into, options) => hot('readInto', request.bucket, (store) => store.readInto(request, into, options));
  const reads: ReadWatcher = {
    answered: () => { onServed('socket'); },
    refused: async (error, request, into, options) => refused('readInto', request.bucket, error, (store) => store.readInto(request, into, options)),
  };

  return {
    name: sdk.name,
    list: (request, options) => hot('list', request.bucket, (store) => store.list(request, options)),
    // The way of every small read: as long as nothing was refused, nobody waits for it here.
    readInto: (request, into, options) => (opened && fallbacks.size === 0 ? opened.readInto(request, into, options, reads) : readInto(request, into, options)),
    get: (ref, options) => hot('get', ref.bucket, (store) => store.get(ref, options)),
    put: (request, options) => hot('put', request.bucket, (store) => store.put(request, options)),
    createUpload: (request, options) => hot('createUpload', request.bucket, (store) => store.createUpload(request, options)),
    uploadPart: (request, options) => hot('uploadPart', request.bucket, (store) => store.uploadPart(request, options)),
    completeUpload: (request, options) => hot('completeUpload', request.bucket, (store) => store.completeUpload(request, options)),
    head: (ref, options) => viaSdk(() => sdk.head(ref, options)),
    putStream: (request, options) => viaSdk(() => sdk.putStream(request, options)),
    listParts: (ref, options) => viaSdk(() => sdk.listParts(ref, options)),
    listUploads: (request, options) => viaSdk(() => sdk.listUploads(request, options)),
    abortUpload: (ref, options) => viaSdk(() => sdk.abortUpload(ref, options)),
    delete: (ref, options) => viaSdk(() => sdk.delete(ref, options)),
    headBucket: (bucket, options) => viaSdk(() => sdk.headBucket(bucket, options)),
    createBucket: (bucket, options) => viaSdk(() => sdk.createBucket(bucket, options)),
    close: () => {
      closed = true;
      opened?.close();
      sdk.close();
    },
  };
}
