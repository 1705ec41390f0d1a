import { describe, expect, it } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const MiB = 2 ** 20;

/** Sizes of both generations after a load that lets some objects survive, in a process of its own. */
function sizes(): { readonly young: number; readonly old: number } {
  const program = `
    const { boundHeap } = await import(${JSON.stringify(fileURLToPath(new URL('../../../src/workers/heap.ts', import.meta.url)))});
    const { getHeapSpaceStatistics } = await import('node:v8');
    boundHeap();
    const ring = [];
    for (let turn = 0; turn < 300; turn += 1) {
      for (let i = 0; i < 20_000; i += 1) ring[i % 30_000] = { turn, i, text: 'survives' + i };
      await new Promise(setImmediate);
    }
    const size = (name) => getHeapSpaceStatistics().find((space) => space.space_name === name).space_size;
    console.log(JSON.stringify({ young: size('new_space'), old: size('old_space') }));
  `;
  const env = { PATH: '' };
  return JSON.parse(execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8', env, stdio: ['ignore', 'pipe', 'ignore'] })) as { young: number; old: number };
}

describe('boundHeap', () => {
  it('holds both generations at their bounds, and lets the young one grow that far', () => {
    const { young, old } = sizes();
    expect(young).toBeGreaterThanOrEqual(8 * MiB);
    expect(young).toBeLessThanOrEqual(32 * MiB);
    expect(old).toBeLessThanOrEqual(64 * MiB);
  });
});
