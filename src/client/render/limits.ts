import type { Limits } from '../../contracts/limits.ts';
import { bytes, count } from './numbers.ts';
import { columns } from './table.ts';

/** What a run may use, a line each. Pure. */
export function renderLimits(limits: Limits): string {
  return columns([
    ['parallel groups', count(limits.parallelGroups)],
    ['downloads', limits.downloads === null ? 'off' : count(limits.downloads)],
    ['uploads', count(limits.uploads)],
    ['bandwidth', limits.bytesPerSecond === null ? 'off' : `${bytes(limits.bytesPerSecond)}/s`],
    ['requests', limits.requestsPerSecond === null ? 'off' : `${count(limits.requestsPerSecond)}/s`],
  ]).join('\n');
}
