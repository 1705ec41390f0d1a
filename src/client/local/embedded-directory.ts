/** Where the embedded servers of local mode keep their runs. Every command asks this; what starts and stops the servers is loaded where it is needed. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Environment } from '../../config/environment.ts';

/**
 * Folder of the embedded server. Each S3 endpoint has its own: a worker serves every run that its server knows, so a server
 * must only know runs whose buckets its workers see.
 */
export function embeddedDirectory(environment: Environment, endpoint: string | undefined): string {
  const name = endpoint === undefined ? 'aws' : endpoint.replace(/^https?:\/\//, '').replace(/[^A-Za-z0-9.-]+/g, '-').replace(/-$/, '');
  const short = name.length <= 64 ? name : `${name.slice(0, 48)}-${createHash('sha256').update(name).digest('hex').slice(0, 8)}`;
  return join(environment.paths.state, 'local', short);
}

/** Whether any run was ever started there. */
export const hasRuns = (directory: string): boolean => existsSync(join(directory, 'temporal.db'));

/** Names of the other stores that have an embedded server's data, for hints. */
export async function otherDirectories(directory: string): Promise<string[]> {
  const parent = join(directory, '..');
  const names = await readdir(parent).catch(() => []);
  return names.filter((name) => join(parent, name) !== directory && hasRuns(join(parent, name)));
}
