/** What a process used, as Linux counts it. */
import { readFileSync, writeFileSync } from 'node:fs';

/** USER_HZ, which Linux fixes for what it tells programs. */
const TICKS_PER_SECOND = 100;

export interface Usage { readonly cpuSeconds: number; readonly peakBytes: number }

/** CPU of the process in user and kernel, its ended children included. */
export function cpuSecondsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return cpuSecondsIn(stat);
}

/** @param stat a line as in `/proc/PID/stat` */
export function cpuSecondsIn(stat: string): number {
  // The name of the program may hold spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / TICKS_PER_SECOND;
}

export function peakBytesOf(pid: number): number {
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024;
}

/** Starts to watch a process; the peak is that from now on. @returns asked at the end */
export function watchUsage(pid: number): () => Usage {
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
  const before = cpuSecondsOf(pid);
  return () => ({ cpuSeconds: cpuSecondsOf(pid) - before, peakBytes: peakBytesOf(pid) });
}
