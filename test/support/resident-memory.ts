/** How much memory a process has, and has had, in the machine. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

export interface ResidentMemory {
  /** The most since the last `reset`, in bytes. */
  peakBytes(): number;
  reset(): void;
  stop(): void;
}

const SAMPLE_EACH_MS = 100;

/** Linux keeps the peak itself; elsewhere it is sampled. */
export function watchResidentMemory(pid: number): ResidentMemory {
  return existsSync(`/proc/${pid}/status`) ? keptByKernel(pid) : sampled(pid);
}

function keptByKernel(pid: number): ResidentMemory {
  return {
    peakBytes: () => Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024,
    reset: () => { writeFileSync(`/proc/${pid}/clear_refs`, '5'); },
    stop: () => undefined,
  };
}

function sampled(pid: number): ResidentMemory {
  let peak = 0;
  const timer = setInterval(() => { peak = Math.max(peak, Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' })) * 1024); }, SAMPLE_EACH_MS);
  return { peakBytes: () => peak, reset: () => { peak = 0; }, stop: () => { clearInterval(timer); } };
}
