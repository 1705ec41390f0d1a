import { condition } from '@temporalio/workflow';

/**
 * Runs `count` tasks in order, at most `window()` at a time; the window may change while they run.
 * @param mayStart asked before each start; false ends the starting
 * @returns when all that were started have ended. @throws the first failure, after `onFailure` was called and the rest has ended
 */
export async function bounded(
  count: number, window: () => number, mayStart: () => Promise<boolean>, task: (index: number) => Promise<void>, onFailure: () => void,
): Promise<void> {
  let running = 0;
  let failure: { readonly error: unknown } | null = null;
  for (let index = 0; index < count; index += 1) {
    await condition(() => running < window() || failure !== null);
    if (hasFailed(failure) || !(await mayStart())) break;
    running += 1;
    void task(index).catch((error: unknown) => {
      failure ??= { error };
      onFailure();
    }).finally(() => { running -= 1; });
  }
  await condition(() => running === 0);
  rethrow(failure);
}

function hasFailed(failure: { readonly error: unknown } | null): boolean {
  return failure !== null;
}

function rethrow(failure: { readonly error: unknown } | null): void {
  if (failure) throw failure.error;
}
