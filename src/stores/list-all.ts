import type { CallOptions, ListedObject, ListRequest, ObjectStore } from './object-store.ts';

/** Every object under a prefix, page by page. */
export async function* listAll(store: ObjectStore, request: Pick<ListRequest, 'bucket' | 'prefix'>, options: CallOptions = {}): AsyncGenerator<ListedObject, void, undefined> {
  for (let continuationToken: string | undefined; ;) {
    const page = await store.list({ ...request, continuationToken }, options);
    yield* page.objects;
    if (page.next === undefined) return;
    continuationToken = page.next;
  }
}

/** Every folder directly under a prefix, with its slash. */
export async function listFolders(store: ObjectStore, request: Pick<ListRequest, 'bucket' | 'prefix'>, options: CallOptions = {}): Promise<string[]> {
  const folders: string[] = [];
  for (let continuationToken: string | undefined; ;) {
    const page = await store.list({ ...request, delimiter: '/', continuationToken }, options);
    folders.push(...page.prefixes);
    if (page.next === undefined) return folders;
    continuationToken = page.next;
  }
}
