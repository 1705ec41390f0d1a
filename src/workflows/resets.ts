/**
 * Tells a run that it was reset: it goes on as another execution, and what it had started may have ended without its history saying so
 * (children that were terminated along with it, a lease that another run took meanwhile), or goes on without it (children that started after that point).
 *
 * Workers load this as an interceptor. What the server says of a reset is a new seed for the workflow's random numbers. It takes effect at
 * the same place in each replay, so what is done about it is repeated exactly; but the SDK keeps it to itself, and has to be asked.
 */
import type { WorkflowInterceptors } from '@temporalio/workflow';
import type {} from '@temporalio/workflow/lib/global-attributes.js';

const listeners = new Set<() => void>();

/** What the SDK calls for each workflow that is loaded. */
export function interceptors(): WorkflowInterceptors {
  let seed = randomSeed();
  return {
    internals: [{
      activate(input, next) {
        next(input);
        if (randomSeed() === seed) return;
        seed = randomSeed();
        for (const listen of listeners) listen();
      },
    }],
  };
}

/** @param listen called after each reset from now on */
export function onReset(listen: () => void): void {
  listeners.add(listen);
}

/** Another array after each reset: an internal of the SDK, whose version is fixed. A test sees a reset through it. */
function randomSeed(): readonly number[] | undefined {
  return globalThis.__TEMPORAL_ACTIVATOR__?.randomnessSeed;
}
