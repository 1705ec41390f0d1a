/**
 * Keeps V8's heap from taking what belongs to data. Left alone, its young generation grows to 64 MiB while a process loads its modules,
 * and the old one may grow to hundreds before it is first collected; the bytes that a worker moves are in neither.
 *
 * No official option bounds them from inside the process, so: collect once in the way that returns memory, let the old generation
 * grow by half between collections, and steer the young one around its bound.
 */
import { PerformanceObserver } from 'node:perf_hooks';
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Enough that what a request leaves behind dies young, and little enough that it stays in the processor's cache: with 16 or 32 MiB a small read costs a tenth more. */
const YOUNG_BYTES = 8 * 2 ** 20;
const OLD_GROWTH_PERCENT = 50;

const youngBytes = (): number => getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space')?.space_size ?? 0;

type Collect = (options: { readonly type: 'major'; readonly execution: 'sync'; readonly flavor: 'last-resort' }) => void;

let bounded = false;

/** Takes a moment (0.1 s); once a process. */
export function boundHeap(): void {
  if (bounded) return;
  bounded = true;
  setFlagsFromString(`--heap-growing-percent=${OLD_GROWTH_PERCENT}`);
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as Collect;
  setFlagsFromString('--no-expose-gc');
  collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });

  let factor = 2;
  // V8 also shrinks the young generation when little happens, and must be able to grow it again.
  const steer = (): void => {
    const wanted = youngBytes() < YOUNG_BYTES ? 2 : 1;
    if (wanted === factor) return;
    factor = wanted;
    setFlagsFromString(`--semi-space-growth-factor=${factor}`);
  };
  new PerformanceObserver(steer).observe({ entryTypes: ['gc'] });
}
