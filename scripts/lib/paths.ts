import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Top of the repository, without a final slash. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url)).replace(/[\\/]$/, '');

/** A development tool's program. */
export const tool = (name: string): string => join(ROOT, 'node_modules', '.bin', name);
