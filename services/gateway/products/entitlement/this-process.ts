import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';

/** A process of one start of one machine: no other ever has the same. */
export type ProcessName = { readonly machine: string; readonly pid: number; readonly startedAt: string };

const read = (path: string): string | null => {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return null;
  }
};

/** proc(5): state and start time, in ticks since the machine's; the name before them may have spaces and brackets. */
function statOf(pid: number): { readonly state: string; readonly startedAt: string } | null {
  const fields = read(`/proc/${pid}/stat`)
    ?.replace(/^.*\) /s, '')
    .split(' ');
  return fields === undefined ? null : { state: fields[0] ?? '', startedAt: fields[19] ?? '' };
}

/** Null where the system does not tell. */
export function thisProcess(): ProcessName | null {
  const startOfMachine = read('/proc/sys/kernel/random/boot_id');
  const stat = statOf(process.pid);
  if (startOfMachine === null || stat === null) return null;
  return { machine: `${hostname()}-${startOfMachine}`, pid: process.pid, startedAt: stat.startedAt };
}

/** Of a process of this machine and this start of it. A zombie runs no more. */
export function isRunning({ pid, startedAt }: Pick<ProcessName, 'pid' | 'startedAt'>): boolean {
  const stat = statOf(pid);
  return stat !== null && stat.startedAt === startedAt && stat.state !== 'Z' && stat.state !== 'X';
}
