/** How each test ring is run. The rings themselves are Jest projects: `jest.config.js`. */
import { join } from 'node:path';
import { ROOT } from './paths.ts';

export interface Ring {
  readonly name: string;
  /** Test files that run side by side. Those of the fault ring wait most of the time: for limits, and for what is declared dead. */
  readonly workers: number;
  readonly timeoutMs: number;
  /** Whether its tests start the built command. */
  readonly needsBuild?: boolean;
}

const MINUTE_MS = 60_000;

export const RINGS: readonly Ring[] = [
  { name: 'unit', workers: 2, timeoutMs: 5 * MINUTE_MS },
  { name: 'store', workers: 2, timeoutMs: 5 * MINUTE_MS },
  { name: 'replay', workers: 1, timeoutMs: 5 * MINUTE_MS },
  { name: 'workflow', workers: 2, timeoutMs: 15 * MINUTE_MS },
  { name: 'e2e', workers: 2, timeoutMs: 25 * MINUTE_MS, needsBuild: true },
  { name: 'fault', workers: 3, timeoutMs: 30 * MINUTE_MS },
];

/** Arguments of `node` that run one ring. Positional patterns come first: `--selectProjects` takes all words after it. */
export function jestArguments(ring: Ring, patterns: readonly string[] = []): string[] {
  return [
    '--experimental-vm-modules',
    '--disable-warning=ExperimentalWarning',
    join(ROOT, 'node_modules', 'jest', 'bin', 'jest.js'),
    ...patterns,
    `--maxWorkers=${ring.workers}`,
    '--selectProjects', ring.name,
  ];
}
