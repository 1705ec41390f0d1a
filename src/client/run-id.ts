import { randomBytes } from 'node:crypto';

/** `merge-logs-20261121-083012-4f2a`: readable, sortable, unique. */
export function newRunId(job: 'merge' | 'plan' | 'verify' | 'retry', name: string, nowMs = Date.now()): string {
  const [date = '', time = ''] = new Date(nowMs).toISOString().slice(0, 19).split('T');
  return `${job}-${name}-${date.replaceAll('-', '')}-${time.replaceAll(':', '')}-${randomBytes(2).toString('hex')}`;
}
