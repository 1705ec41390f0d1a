/** The static checks, in the order of what they tell soonest. `npm run check` and `npm test` run the same list. */
import { tool } from './paths.ts';

export interface Check {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
}

const TYPECHECK_STATE = 'node_modules/.cache/tributary/typecheck.tsbuildinfo';

export const CHECKS: readonly Check[] = [
  { name: 'lock', command: process.execPath, args: ['scripts/complete-lock.mjs', '--check'] },
  { name: 'files', command: process.execPath, args: ['scripts/checks/files.ts'] },
  { name: 'reference', command: process.execPath, args: ['scripts/reference.ts', '--check'] },
  { name: 'rooms', command: tool('depcruise'), args: ['src'] },
  { name: 'typecheck', command: tool('tsc'), args: ['--noEmit', '--incremental', '--tsBuildInfoFile', TYPECHECK_STATE] },
  { name: 'lint', command: tool('eslint'), args: ['.', '--max-warnings', '0'] },
  { name: 'knip', command: tool('knip'), args: [] },
];
