/**
 * Who is told when a signal is aborted: one event listener a signal, however many requests come and go under it. Adding and removing a
 * listener of Node's for each costs as much as signing the request.
 */
const listening = new WeakMap<AbortSignal, Set<() => void>>();

/** @param listener called once `signal` is aborted, if it is not removed before. Not called for a signal that is aborted already */
export function addAbortListener(signal: AbortSignal, listener: () => void): void {
  let listeners = listening.get(signal);
  if (!listeners) {
    const added = new Set<() => void>();
    listening.set(signal, added);
    signal.addEventListener('abort', () => { for (const each of added) each(); }, { once: true });
    listeners = added;
  }
  listeners.add(listener);
}

export function removeAbortListener(signal: AbortSignal, listener: () => void): void {
  listening.get(signal)?.delete(listener);
}
