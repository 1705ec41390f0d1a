/**
 * Whether Temporal and the stores answer. Asked when somebody probes, at most once every few seconds whoever probes how often,
 * and never while an answer is under way: an idle worker that nobody asks sends nothing.
 */
import { performance } from 'node:perf_hooks';

export interface Checks {
  /** Rejects, or takes longer than `timeoutMs`, where Temporal is away. */
  temporal(timeoutMs: number): Promise<void>;
  /** `ok` or what is wrong, by store. */
  stores(timeoutMs: number): Promise<Readonly<Record<string, string>>>;
}

export interface Reachability { readonly temporal: string; readonly stores: Readonly<Record<string, string>> }

export const CHECK_TIMEOUT_MS = 2000;
export const CHECK_EVERY_MS = 3000;

/** What a check says, or why it failed, within the timeout whatever it does. */
async function within<T>(timeoutMs: number, check: Promise<T>, failed: (reason: string) => T): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<T>((resolve) => { timer = setTimeout(() => { resolve(failed(`no answer within ${timeoutMs} ms`)); }, timeoutMs); });
  try {
    return await Promise.race([check, late]);
  } catch (error) {
    return failed(error instanceof Error ? error.message : String(error));
  } finally {
    clearTimeout(timer);
  }
}

/** @param nowMs a clock that only grows */
export function createReadiness(checks: Checks, nowMs: () => number = () => performance.now()): () => Promise<Reachability> {
  let current: { readonly atMs: number; readonly answer: Promise<Reachability> } | undefined;
  const ask = async (): Promise<Reachability> => {
    const [temporal, stores] = await Promise.all([
      within(CHECK_TIMEOUT_MS, checks.temporal(CHECK_TIMEOUT_MS).then(() => 'ok'), (reason) => reason),
      within<Readonly<Record<string, string>>>(CHECK_TIMEOUT_MS + 500, checks.stores(CHECK_TIMEOUT_MS), (reason) => ({ '*': reason })),
    ]);
    return { temporal, stores };
  };
  return () => {
    if (!current || nowMs() - current.atMs >= CHECK_EVERY_MS) current = { atMs: nowMs(), answer: ask() };
    return current.answer;
  };
}

/** The reasons of `/readyz`. */
export function reasonsOf({ temporal, stores }: Reachability): string[] {
  return [
    ...(temporal === 'ok' ? [] : [`Temporal does not answer: ${temporal}`]),
    ...Object.entries(stores).filter(([, answer]) => answer !== 'ok').map(([name, answer]) => `store ${name} does not answer: ${answer}`),
  ];
}
