/** Running counts of a run. They only grow, and add up over calls, batches and pages. No zod: workflow code imports this file. */

export interface Requests { list: number; get: number; head: number; put: number; copy: number; delete: number }

export interface Tally {
  /** Sources read to their end, empty ones included, and their listed bytes. */
  doneObjects: number; doneBytes: number;
  /** Sources of which only the lines before the damage could be kept. */
  partialObjects: number; partialBytes: number;
  /** Sources of which nothing was taken. */
  failedObjects: number; failedBytes: number;
  lines: number;
  chunks: number; chunkBytes: number;
  requests: Requests;
  retries: number;
  /** Failed and partial sources by error code. */
  errors: Record<string, number>;
}

export function emptyRequests(): Requests {
  return { list: 0, get: 0, head: 0, put: 0, copy: 0, delete: 0 };
}

export function emptyTally(): Tally {
  return {
    doneObjects: 0, doneBytes: 0, partialObjects: 0, partialBytes: 0, failedObjects: 0, failedBytes: 0,
    lines: 0, chunks: 0, chunkBytes: 0, requests: emptyRequests(), retries: 0, errors: {},
  };
}

/** The sum of two tallies, as a new one. */
export function addTally(a: Tally, b: Tally): Tally {
  const errors: Record<string, number> = { ...a.errors };
  for (const [code, count] of Object.entries(b.errors)) errors[code] = (errors[code] ?? 0) + count;
  return {
    doneObjects: a.doneObjects + b.doneObjects, doneBytes: a.doneBytes + b.doneBytes,
    partialObjects: a.partialObjects + b.partialObjects, partialBytes: a.partialBytes + b.partialBytes,
    failedObjects: a.failedObjects + b.failedObjects, failedBytes: a.failedBytes + b.failedBytes,
    lines: a.lines + b.lines, chunks: a.chunks + b.chunks, chunkBytes: a.chunkBytes + b.chunkBytes,
    requests: addRequests(a.requests, b.requests), retries: a.retries + b.retries, errors,
  };
}

export function addRequests(a: Requests, b: Requests): Requests {
  return { list: a.list + b.list, get: a.get + b.get, head: a.head + b.head, put: a.put + b.put, copy: a.copy + b.copy, delete: a.delete + b.delete };
}

export function subtractRequests(a: Requests, b: Requests): Requests {
  return { list: a.list - b.list, get: a.get - b.get, head: a.head - b.head, put: a.put - b.put, copy: a.copy - b.copy, delete: a.delete - b.delete };
}
