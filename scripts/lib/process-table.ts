/** The machine's processes, as far as finding our own needs it. Linux tells by /proc, others by ps. */
import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

export interface ProcessEntry {
  readonly pid: number;
  readonly parentPid: number;
  /** With the pid it names one process for good: pids are used again. */
  readonly started: string;
}

/** Every process but zombies, which only wait for their parent to take notice. */
export async function readProcesses(): Promise<ProcessEntry[]> {
  if (process.platform !== 'linux') return byPs();
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const entries = await Promise.all(pids.map(async (pid) => parseStat(Number(pid), await readProc(pid, 'stat'))));
  return entries.filter((entry) => entry !== undefined);
}

/** The command line of a process, for people. */
export async function commandOf(pid: number): Promise<string> {
  if (process.platform === 'linux') return (await readProc(String(pid), 'cmdline')).replaceAll('\0', ' ').trim();
  return (await ps('-o', 'command=', '-p', String(pid)).catch(() => '')).trim();
}

/** Processes that have `NAME=value` in the environment they were started with, and that we may look at. */
export async function withVariable(variable: string): Promise<number[]> {
  if (process.platform === 'linux') {
    const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
    const found = await Promise.all(pids.map(async (pid) => (await readProc(pid, 'environ')).split('\0').includes(variable)));
    return pids.filter((_, index) => found[index]).map(Number);
  }
  const lines = (await ps('-axww', '-E', '-o', 'pid=,command=')).split('\n');
  return lines.filter((line) => line.includes(variable)).map((line) => Number.parseInt(line, 10));
}

/** All that `root` has started, and they in turn, as long as their parents live. */
export function descendantsOf(root: number, entries: readonly ProcessEntry[]): ProcessEntry[] {
  const children = Map.groupBy(entries, (entry) => entry.parentPid);
  const found: ProcessEntry[] = [];
  const open = [root];
  for (let pid = open.pop(); pid !== undefined; pid = open.pop()) {
    for (const child of children.get(pid) ?? []) {
      found.push(child);
      open.push(child.pid);
    }
  }
  return found;
}

/** Empty where the process is gone, or another user's. */
async function readProc(pid: string, file: string): Promise<string> {
  try {
    return await readFile(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    return '';
  }
}

/** `pid (name) state ppid …`, where the name may hold anything; the start time is the 22nd field. */
function parseStat(pid: number, text: string): ProcessEntry | undefined {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state, parentPid] = fields;
  const started = fields[19];
  if (state === 'Z' || parentPid === undefined || started === undefined) return undefined;
  return { pid, parentPid: Number(parentPid), started };
}

async function byPs(): Promise<ProcessEntry[]> {
  const lines = (await ps('-axo', 'pid=,ppid=,stat=,lstart=')).split('\n');
  return lines.flatMap((line) => {
    const [pid, parentPid, state, ...started] = line.trim().split(/\s+/);
    return parentPid === undefined || state?.startsWith('Z') !== false ? [] : [{ pid: Number(pid), parentPid: Number(parentPid), started: started.join(' ') }];
  });
}

const ps = async (...args: string[]): Promise<string> => (await promisify(execFile)('ps', args, { maxBuffer: 64 * 2 ** 20 })).stdout;
